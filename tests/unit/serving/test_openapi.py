"""The document at /openapi.json says what the data port really takes and gives."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # Prefect brings it, without its types
import pytest

from serving.api import HOT_PATHS
from tests.served import Served

Serve = Callable[..., Served]
BODIES = Path(__file__).parents[2] / "fixtures" / "gateway"


@pytest.fixture
def document(serve: Serve) -> dict[str, Any]:
    found: dict[str, Any] = serve().data("GET", "/openapi.json").json()
    return found


def validator(document: dict[str, Any], name: str) -> jsonschema.Draft202012Validator:
    """For bodies of the schema of this name."""
    reference = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
    return jsonschema.Draft202012Validator(reference)


def test_every_path_that_is_served_is_described(document: dict[str, Any]) -> None:
    assert set(document["paths"]) == {*HOT_PATHS, "/healthz", "/readyz"}


def test_every_reference_resolves(document: dict[str, Any]) -> None:
    text = json.dumps(document)
    names = {part.partition('"')[0] for part in text.split("#/components/schemas/")[1:]}
    assert names
    assert names <= set(document["components"]["schemas"])


@pytest.mark.parametrize("sql", ["select 1", "SHOW TABLES"], ids=["model", "no-model"])
def test_replies_are_as_described(serve: Serve, document: dict[str, Any], sql: str) -> None:
    served = serve()
    validator(document, "RouteReply").validate(served.route(sql).json())
    validator(document, "ErrorReply").validate(served.data("POST", "/v1/route", content=b"{").json())


def test_gateways_bodies_and_our_replies_are_as_described(serve: Serve, document: dict[str, Any]) -> None:
    served = serve()
    for path in sorted(BODIES.glob("*.json")):
        body = json.loads(path.read_text())
        validator(document, "GatewayBody").validate(body)
        validator(document, "GatewayReply").validate(
            {"errors": [], "externalHeaders": {}, **served.gateway(body).json()}
        )


def test_body_without_a_statement_is_not_as_described(document: dict[str, Any]) -> None:
    assert not validator(document, "RouteBody").is_valid({"queryId": "q", "user": "u"})
    assert validator(document, "RouteBody").is_valid({"queryId": "q", "user": "u", "sqlText": "select 1"})


def test_docs_page_reads_the_document(serve: Serve) -> None:
    reply = serve().data("GET", "/docs")
    assert reply.status_code == 200
    assert "/openapi.json" in reply.text


@pytest.mark.parametrize("path", list(HOT_PATHS))
def test_hot_paths_take_nothing_but_post(serve: Serve, path: str) -> None:
    reply = serve().data("GET", path)
    assert (reply.status_code, reply.headers["allow"]) == (405, "POST")
