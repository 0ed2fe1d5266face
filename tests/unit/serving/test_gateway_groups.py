import json
import logging
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from serving.app import assemble
from serving.trino_gateway.groups import BACKENDS_PATH, check_gateway_groups
from serving.wire import RoutingGroups
from smart_routing.errors import SettingsError
from smart_routing.logs import JsonFormatter
from smart_routing.settings import ServingSettings

GROUPS = RoutingGroups(small="small", large="large")


def backend(name: str, group: str, *, active: bool = True) -> dict[str, Any]:
    """As release 20 tells of it."""
    url = f"http://{name}:8080"
    return {"active": active, "routingGroup": group, "externalUrl": url, "name": name, "proxyTo": url}


SMALL, LARGE, SPARE = backend("small-1", "small"), backend("large-1", "large"), backend("large-2", "large")


def check(answer: Callable[[httpx.Request], httpx.Response]) -> None:
    url = "http://operator:hunter2@gateway:8080"
    with httpx.Client(base_url=url, transport=httpx.MockTransport(answer)) as gateway:
        check_gateway_groups(gateway, GROUPS)


def answering(*backends: dict[str, Any]) -> Callable[[httpx.Request], httpx.Response]:
    def answer(request: httpx.Request) -> httpx.Response:
        found = request.url.path == BACKENDS_PATH
        return httpx.Response(200, json=backends) if found else httpx.Response(404)

    return answer


def warnings(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    """The lines as they are written."""
    lines = [json.loads(JsonFormatter().format(record)) for record in caplog.records]
    assert all(line["level"] == "warning" for line in lines)
    return lines


def test_group_whose_backends_were_deactivated_keeps_no_router_from_starting() -> None:
    check(answering(SMALL, backend("large-1", "large", active=False)))


def test_groups_with_active_backends_are_fine(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    check(answering(SMALL, LARGE, SPARE))
    assert warnings(caplog) == []


@pytest.mark.parametrize(
    ("backends", "told"),
    [
        ([SMALL], "in the routing group large: its groups are small, and"),
        ([LARGE, SPARE], "in the routing group small: its groups are large, and"),
        ([], "in the routing group small nor in large: its groups are none, and"),
        ([backend("small-1", "Small"), LARGE, SPARE], "in the routing group small: its groups are Small, large, and"),
    ],
    ids=["no-large", "no-small", "none", "case"],
)
def test_group_without_a_backend_is_refused(backends: list[dict[str, Any]], told: str) -> None:
    with pytest.raises(SettingsError, match=told) as refusal:
        check(answering(*backends))
    assert "hunter2" not in str(refusal.value)


def test_large_group_of_one_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    check(answering(SMALL, LARGE, backend("large-2", "large", active=False)))
    (line,) = warnings(caplog)
    assert (line["event"], line["routing_group"], line["member"]) == ("gateway_group_without_spare", "large", "large-1")


def refuse(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("connection refused", request=request)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(refuse, id="down"),
        pytest.param(lambda _: httpx.Response(503), id="unwell"),
        pytest.param(lambda _: httpx.Response(303, headers={"location": "/login"}), id="login"),
        pytest.param(lambda _: httpx.Response(200, text="<html>"), id="no-json"),
        pytest.param(lambda _: httpx.Response(200, content=b"\xff"), id="no-text"),
        pytest.param(lambda _: httpx.Response(200, json={"backends": []}), id="another-body"),
    ],
)
def test_gateway_that_cannot_be_asked_is_warned_of(
    caplog: pytest.LogCaptureFixture, answer: Callable[[httpx.Request], httpx.Response]
) -> None:
    caplog.set_level(logging.WARNING)
    check(answer)
    (line,) = warnings(caplog)
    assert (line["event"], line["gateway"]) == ("gateway_unreachable", "http://[redacted]@gateway:8080")
    assert line["reason"]
    assert "hunter2" not in json.dumps(line)


def test_router_starts_while_the_gateway_is_down(settings: Callable[..., ServingSettings]) -> None:
    assert assemble(settings(gateway_url="http://127.0.0.1:9")).data_port.groups == GROUPS
