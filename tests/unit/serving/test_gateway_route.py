"""trino-gateway 20 as it was observed: tests/fixtures/gateway holds bodies that it sends."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from serving.api import MAX_BODY_BYTES
from serving.trino_gateway.wire import read_gateway_body
from smart_routing.features.statement import StatementKind
from smart_routing.labels import QueryWeight
from smart_routing.policy import Match, Override
from smart_routing.request import MAX_NAME_LENGTH
from smart_routing.rollout import Rollout, RouterMode, Treatment
from smart_routing.routing import Reason
from tests.served import Served

Serve = Callable[..., Served]
BODIES = Path(__file__).parents[2] / "fixtures" / "gateway"
HEADERS = {
    "x-trino-user": "alice",
    "x-trino-source": "bi",
    "x-trino-catalog": "tpch",
    "x-trino-schema": "tiny",
    "x-trino-client-tags": "bi,team=a",
}
MARKER = "zanzibar4711"


def body(name: str, **changes: Any) -> dict[str, Any]:
    """A body, `changes` made to its query properties."""
    found: dict[str, Any] = json.loads((BODIES / f"{name}.json").read_text())
    found["trinoQueryProperties"] |= changes
    return found


def roll_out(served: Served, rollout: Rollout, *overrides: Override) -> None:
    router = served.components.data_port.service.router
    router.policy = replace(router.policy, revision="1-abcdef", rollout=rollout, overrides=overrides)


@pytest.mark.parametrize(
    ("name", "group", "reason"),
    [
        ("new_query", "small", Reason.MODEL),
        ("two_joins", "large", Reason.MODEL),
        ("empty_body", "large", Reason.UNPARSABLE),
        ("parse_failed", "small", Reason.MODEL),
        ("two_statements", "small", Reason.MODEL),
        ("no_session_schema", "small", Reason.MODEL),
        ("execute", "small", Reason.MODEL),
        ("execute_unknown", "large", Reason.UNPARSABLE),
        ("ctas", "large", Reason.WRITE_STATEMENT),
        ("show_tables", "small", Reason.METADATA_STATEMENT),
    ],
)
def test_body_as_observed_is_routed(serve: Serve, name: str, group: str, reason: Reason) -> None:
    served = serve()
    reply = served.gateway(body(name), headers=HEADERS)
    (row,) = served.decisions()
    assert (reply.status_code, reply.headers["content-type"]) == (200, "application/json")
    assert reply.json() == {
        "routingGroup": group,
        "errors": [],
        "externalHeaders": {"x-trino-trace-token": row.decision_id},
    }
    assert (row.reason, row.mode, row.query_id, row.source) == (reason, Treatment.FULL, None, "bi")
    assert served.metric("smart_routing_gateway_replies_total", outcome="routed") == 1


def test_path_that_is_no_query_is_left_alone(serve: Serve) -> None:
    served = serve()
    assert served.gateway(body("ui_path")).content == b'{"routingGroup":null}'
    assert served.decisions() == []
    assert served.metric("smart_routing_gateway_replies_total", outcome="no_query") == 1


@pytest.mark.parametrize("content_type", ["application/json", "text/plain", "", "application/x-www-form-urlencoded"])
def test_content_type_does_not_matter(serve: Serve, content_type: str) -> None:
    reply = serve().gateway(body("new_query"), headers={"content-type": content_type})
    assert reply.json()["routingGroup"] == "small"


@pytest.mark.parametrize(
    ("content", "outcome"),
    [
        pytest.param(b"", "bad_body", id="empty"),
        pytest.param(b"select 1", "bad_body", id="no-json"),
        pytest.param(b"[]", "bad_body", id="no-object"),
        pytest.param(b"{}", "bad_body", id="no-properties"),
        pytest.param(b'{"trinoQueryProperties": null}', "bad_body", id="null-properties"),
        pytest.param(b'{"trinoQueryProperties": {"body": 7}}', "bad_body", id="body-no-text"),
        pytest.param(b'{"trinoQueryProperties": {"body": "\xff"}}', "bad_body", id="no-utf-8"),
        pytest.param(b'{"trinoQueryProperties": {"body": "\\ud800"}}', "bad_body", id="half-a-character"),
        pytest.param(b'{"trinoQueryProperties": ' + b"[" * 100_000, "bad_body", id="nested-without-end"),
        pytest.param(b" " * (MAX_BODY_BYTES + 1), "body_too_large", id="over-4-MiB"),
    ],
)
def test_body_that_cannot_be_used_goes_to_large(serve: Serve, content: bytes, outcome: str) -> None:
    served = serve()
    reply = served.gateway(content, headers=HEADERS)
    assert (reply.status_code, reply.json()) == (200, {"routingGroup": "large", "errors": [], "externalHeaders": {}})
    assert served.metric("smart_routing_gateway_replies_total", outcome=outcome) == 1


def test_internal_failure_goes_to_large_and_quotes_nothing(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    served = serve()
    served.components.data_port.service.router.models = None  # type: ignore[assignment]
    reply = served.gateway(body("new_query", body=f"select '{MARKER}'"))
    assert (reply.status_code, reply.json()["routingGroup"]) == (200, "large")
    assert served.metric("smart_routing_gateway_replies_total", outcome="failed") == 1
    assert MARKER not in caplog.text


def test_without_a_model_queries_go_to_large(serve: Serve, tmp_path: Path) -> None:
    served = serve(source=str(tmp_path / "nowhere"), state_dir=tmp_path / "empty")
    assert served.gateway(body("new_query")).json()["routingGroup"] == "large"


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        pytest.param("x" * (2 * 2**20), Reason.TOO_LARGE, id="2-MiB"),
        pytest.param("select '\U0001f9ed 地図'", Reason.MODEL, id="beyond-the-BMP"),
        pytest.param("select '\x00'", Reason.MODEL, id="nul"),
    ],
)
def test_odd_statement_is_decided(serve: Serve, sql: str, reason: Reason) -> None:
    served = serve()
    assert served.gateway(body("new_query", body=sql), headers={"x-trino-client-info": "y" * 8192}).status_code == 200
    assert [row.reason for row in served.decisions()] == [reason]


@pytest.mark.parametrize(
    ("header", "value"),
    [("x-request-deadline-ms", "soon"), ("x-model-version", "v9"), ("x-trino-transaction-id", "NONE")],
)
def test_header_of_a_client_does_no_harm(serve: Serve, header: str, value: str) -> None:
    assert serve().gateway(body("new_query"), headers={header: value}).json()["routingGroup"] == "small"


@pytest.mark.parametrize("header", ["user", "source", "catalog", "schema", "trace-token"])
def test_name_that_is_too_long_goes_to_large_undecided(serve: Serve, header: str) -> None:
    served, question = serve(), {"trinoQueryProperties": {"body": "select 1"}}
    asked = [
        served.gateway(question, headers={f"x-trino-{header}": "n" * length}).json()["routingGroup"]
        for length in (MAX_NAME_LENGTH, MAX_NAME_LENGTH + 1)
    ]
    assert asked == ["small", "large"]
    assert served.metric("smart_routing_gateway_replies_total", outcome="bad_body") == 1
    assert len(served.decisions()) == 1


def test_live_transaction_goes_to_large(serve: Serve) -> None:
    headers = {"x-trino-transaction-id": "20261005_120000_00001_abcde"}
    assert serve().gateway(body("new_query"), headers=headers).json()["routingGroup"] == "large"


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        pytest.param({"user": "bo", "userInfo": None}, "bo", id="body-first"),
        pytest.param({"user": None}, "alice", id="null-user"),
        pytest.param(None, "alice", id="no-user"),
    ],
)
def test_user_is_the_gateways_or_else_the_headers(serve: Serve, named: Any, expected: str) -> None:
    served = serve()
    roll_out(served, Rollout(), Override(match=Match(user=expected), decision=QueryWeight.HEAVY))
    asked = body("new_query") | {"trinoRequestUser": named}
    assert served.gateway(asked, headers=HEADERS).json()["routingGroup"] == "large"


def test_session_is_the_gateways_or_else_the_headers(serve: Serve) -> None:
    served = serve()
    roll_out(served, Rollout(), Override(match=Match(catalog="lake", schema="ads"), decision=QueryWeight.HEAVY))
    in_body = body("new_query", defaultCatalog="lake", defaultSchema="ads")
    in_headers = body("new_query", defaultCatalog=None, defaultSchema=None)
    named = HEADERS | {"x-trino-catalog": "lake", "x-trino-schema": "ads"}
    assert served.gateway(in_body, headers=HEADERS).json()["routingGroup"] == "large"
    assert served.gateway(in_headers, headers=named).json()["routingGroup"] == "large"
    assert served.gateway(in_headers, headers=HEADERS).json()["routingGroup"] == "small"


def test_each_decision_has_an_id_of_its_own(serve: Serve) -> None:
    served = serve()
    told = [served.gateway(body("new_query")).json()["externalHeaders"]["x-trino-trace-token"] for _ in range(3)]
    assert [row.decision_id for row in served.decisions()] == told
    assert len(set(told)) == 3
    assert all(len(each) == 32 for each in told)


def test_trace_token_of_the_client_wins(serve: Serve) -> None:
    served = serve()
    reply = served.gateway(body("new_query"), headers={"x-trino-trace-token": "mine"})
    assert reply.json()["externalHeaders"] == {}
    assert [row.decision_id for row in served.decisions()] == ["mine"]


@pytest.mark.parametrize(
    ("honour", "rollout", "group", "outcome"),
    [
        pytest.param(False, Rollout(), "small", "routed", id="not-by-default"),
        pytest.param(True, Rollout(), "etl", "client_group", id="where-allowed"),
        pytest.param(True, Rollout(all_large=True), "large", "routed", id="not-above-all-large"),
        pytest.param(True, Rollout(mode=RouterMode.SHADOW), None, "withheld", id="not-in-shadow"),
    ],
)
def test_group_of_the_client(serve: Serve, honour: bool, rollout: Rollout, group: str | None, outcome: str) -> None:
    served = serve(honour_client_group=honour)
    roll_out(served, rollout)
    reply = served.gateway(body("new_query"), headers={"x-trino-routing-group": "etl"})
    assert reply.json()["routingGroup"] == group
    assert served.metric("smart_routing_gateway_replies_total", outcome=outcome) == 1


@pytest.mark.parametrize(
    ("rollout", "group", "logged"),
    [
        pytest.param(Rollout(mode=RouterMode.OFF), None, [], id="off"),
        pytest.param(Rollout(mode=RouterMode.OFF, all_large=True), None, [], id="off-beats-all-large"),
        pytest.param(Rollout(mode=RouterMode.SHADOW), None, [Treatment.SHADOW], id="shadow"),
        pytest.param(
            Rollout(mode=RouterMode.CANARY, canary_share=1.0, control_share=0.0),
            "small",
            [Treatment.CANARY],
            id="canary",
        ),
        pytest.param(
            Rollout(mode=RouterMode.CANARY, control_share=0.0), None, [Treatment.SHADOW], id="outside-of-the-canary"
        ),
        pytest.param(Rollout(control_share=1.0), None, [Treatment.CONTROL], id="control"),
        pytest.param(Rollout(), "small", [Treatment.FULL], id="full"),
        pytest.param(Rollout(control_share=1.0, all_large=True), "large", [Treatment.FULL], id="all-large"),
    ],
)
def test_mode_says_who_is_routed(serve: Serve, rollout: Rollout, group: str | None, logged: list[Treatment]) -> None:
    served = serve()
    roll_out(served, rollout)
    reply = served.gateway(body("new_query"), headers=HEADERS).json()
    assert reply["routingGroup"] == group
    assert [row.mode for row in served.decisions()] == logged
    assert ("x-trino-trace-token" in reply.get("externalHeaders", {})) is bool(logged)


@pytest.mark.parametrize("mode", list(RouterMode))
def test_route_always_tells_the_decision(serve: Serve, mode: RouterMode) -> None:
    served = serve()
    roll_out(served, Rollout(mode=mode, control_share=1.0))
    assert served.route("select 1").json()["targetCluster"] == "small"


def test_all_large_is_heavy_for_every_caller(serve: Serve) -> None:
    served = serve()
    roll_out(served, Rollout(all_large=True))
    reply = served.route("select 1").json()
    assert (reply["decision"], reply["reason"]) == ("heavy", "override")


@pytest.mark.parametrize(
    ("rollout", "group"),
    [
        (Rollout(mode=RouterMode.OFF), None),
        (Rollout(mode=RouterMode.SHADOW), None),
        (Rollout(mode=RouterMode.SHADOW, all_large=True), "large"),
        (Rollout(mode=RouterMode.CANARY), "large"),
    ],
    ids=["off", "shadow", "all-large", "canary"],
)
def test_body_that_cannot_be_used_obeys_the_mode(serve: Serve, rollout: Rollout, group: str | None) -> None:
    served = serve()
    roll_out(served, rollout)
    assert served.gateway(b"{").json()["routingGroup"] == group


def test_policy_file_switches_the_mode(serve: Serve, tmp_path: Path) -> None:
    path = tmp_path / "policy.json"
    path.write_text('{"revision": 1}')
    served = serve(policy_file=str(path))
    watch = served.components.policy_watch
    assert watch is not None
    assert served.gateway(body("new_query")).json()["routingGroup"] == "small"
    path.write_text('{"revision": 2, "all_large": true}')
    watch.step()
    assert served.gateway(body("new_query")).json()["routingGroup"] == "large"


@pytest.mark.parametrize(
    ("query_type", "category", "kind"),
    [
        ("Query", "SELECT", StatementKind.QUERY),
        ("CreateTableAsSelect", "INSERT", StatementKind.WRITE),
        ("Delete", "DELETE", StatementKind.WRITE),
        ("DropTable", "DATA_DEFINITION", StatementKind.WRITE),
        ("Prepare", "DATA_DEFINITION", StatementKind.METADATA),
        ("SetSession", "DATA_DEFINITION", StatementKind.METADATA),
        ("ShowTables", "DESCRIBE", StatementKind.METADATA),
        ("Explain", "EXPLAIN", StatementKind.METADATA),
        ("ExplainAnalyze", "SELECT", None),
        ("StartTransaction", "DATA_DEFINITION", StatementKind.TRANSACTION),
        ("Execute", "", None),
        ("", "", None),
        (None, None, None),
    ],
)
def test_kind_by_the_gateways_types(query_type: str | None, category: str | None, kind: StatementKind | None) -> None:
    asked = body("new_query", queryType=query_type, resourceGroupQueryType=category)
    assert read_gateway_body(json.dumps(asked).encode()).trino_query_properties.kind() == kind


def test_gateways_types_count_where_our_parse_fails(serve: Serve) -> None:
    served = serve()
    told = {"queryType": "CreateTableAsSelect", "resourceGroupQueryType": "INSERT"}
    assert served.gateway(body("parse_failed", **told)).json()["routingGroup"] == "large"
    assert served.gateway(body("new_query", **told)).json()["routingGroup"] == "small"


def test_no_statement_in_any_log(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    served = serve()
    with caplog.at_level(0):
        for sql in (f"select '{MARKER}'", f"select '{MARKER}", f"SHOW TABLES LIKE '{MARKER}'"):
            served.gateway(body("new_query", body=sql))
        served.gateway(f'{{"trinoQueryProperties": {{"body": "{MARKER}'.encode())
    folder = served.components.settings.decision_log
    assert len(served.decisions()) == 3
    assert folder is not None
    assert MARKER not in "".join(path.read_text() for path in folder.iterdir())
    assert MARKER not in caplog.text
