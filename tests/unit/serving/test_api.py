import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from serving.api import MAX_BODY_BYTES
from smart_routing.decision_log import read_decisions
from smart_routing.features.schema import SCHEMA_HASH
from smart_routing.request import MAX_NAME_LENGTH
from tests.served import Served

Serve = Callable[..., Served]
TWO_JOINS = "select * from a join b on a.x = b.x join c on b.x = c.x"
MARKER = "zanzibar4711"
LONG_NAME = "n" * (MAX_NAME_LENGTH + 1)
WHOLE = {"queryId": "q", "user": "u", "sqlText": "x"}


def post(served: Served, content: bytes, **headers: str) -> httpx.Response:
    return served.data("POST", "/v1/route", content=content, headers=headers)


def test_reply_is_the_contract(serve: Serve) -> None:
    reply = serve().route(TWO_JOINS, source="bi", sessionProperties={"catalog": "c", "schema": "s", "join_order": 3})
    version = reply.headers["X-Model-Version"]
    assert reply.status_code == 200
    assert reply.json() == {
        "queryId": "q-1",
        "decision": "heavy",
        "targetCluster": "large",
        "modelVersion": version,
        "modelScore": 0.5,
        "heavyProbability": 0.5,
        "threshold": 0.5,
        "reason": "model",
        "featureSchema": SCHEMA_HASH,
        "historySnapshot": None,
    }
    assert version.startswith("v1.0.0-")


def test_light_reply_has_the_score_of_light_and_the_configured_group(serve: Serve) -> None:
    reply = serve(small_group="tiny").route("select * from a join b on a.x = b.x").json()
    assert (reply["decision"], reply["targetCluster"]) == ("light", "tiny")
    assert (reply["modelScore"], reply["heavyProbability"]) == (0.75, 0.25)


def test_decision_without_the_model_has_no_scores(serve: Serve) -> None:
    reply = serve().route("SHOW TABLES").json()
    assert (reply["decision"], reply["reason"]) == ("light", "metadata_statement")
    assert (reply["modelScore"], reply["heavyProbability"], reply["threshold"]) == (None, None, None)


def test_unknown_and_missing_optional_fields_are_no_matter(serve: Serve) -> None:
    served = serve()
    body = {"queryId": "q", "user": "u", "sqlText": "select 1", "somethingNew": {"a": [1, 2]}, "source": None}
    assert served.data("POST", "/v1/route", json=body).status_code == 200


@pytest.mark.parametrize(
    ("content", "query_id"),
    [
        pytest.param(b"", None, id="empty"),
        pytest.param(b"select 1", None, id="no-json"),
        pytest.param(b"[]", None, id="no-object"),
        pytest.param(b'{"queryId": "q"', None, id="cut-off"),
        pytest.param(b'{"queryId": "q", "user": "u"}', "q", id="no-sql"),
        pytest.param(b'{"user": "u", "sqlText": "select 1"}', None, id="no-query-id"),
        pytest.param(b'{"queryId": 7, "user": "u", "sqlText": "select 1"}', None, id="query-id-no-text"),
        pytest.param(b'{"queryId": "q", "user": null, "sqlText": "select 1"}', "q", id="null-user"),
        pytest.param(b'{"queryId": "q", "user": "u", "sqlText": "x", "submittedAt": "noon"}', "q", id="no-time"),
        pytest.param(
            b'{"queryId": "q", "user": "u", "sqlText": "x", "sessionProperties": {"catalog": 1}}', "q", id="no-catalog"
        ),
        pytest.param(b'{"queryId": "q", "user": "\xff", "sqlText": "x"}', "q", id="no-utf-8"),
        pytest.param(b'{"queryId": "q", "user": "\\ud800", "sqlText": "x"}', None, id="half-a-character"),
        pytest.param(b'{"queryId": "q", "sqlText": "' + b"x" * 2**20 + b'"}', None, id="too-long-to-be-searched"),
        *(
            pytest.param(json.dumps(body).encode(), query_id, id=f"long-{name}")
            for name, body, query_id in (
                ("query-id", {"queryId": LONG_NAME, "user": "u", "sqlText": "x"}, None),
                ("user", {"queryId": "q", "user": LONG_NAME, "sqlText": "x"}, "q"),
                ("source", {"queryId": "q", "user": "u", "source": LONG_NAME, "sqlText": "x"}, "q"),
                ("catalog", {**WHOLE, "sessionProperties": {"catalog": LONG_NAME}}, "q"),
                ("schema", {**WHOLE, "sessionProperties": {"schema": LONG_NAME}}, "q"),
            )
        ),
        pytest.param(b'{"queryId": ' + b"[" * 100_000, None, id="nested-without-end"),
    ],
)
def test_body_that_is_not_the_contract_is_400(serve: Serve, content: bytes, query_id: str | None) -> None:
    reply = post(serve(), content)
    assert reply.status_code == 400
    assert reply.json() == {"error": reply.json()["error"], "queryId": query_id}
    assert reply.json()["error"].startswith("body is not a routing request: ")


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_time_that_utc_does_not_have_is_400(serve: Serve, moment: str) -> None:
    reply = serve().route("select 1", submittedAt=moment)
    assert (reply.status_code, reply.json()["queryId"]) == (400, "q-1")


@pytest.mark.parametrize("value", ["soon", "nan", "inf", ""])
def test_deadline_that_is_no_number_is_400(serve: Serve, value: str) -> None:
    reply = serve().route("select 1", headers={"X-Request-Deadline-Ms": value})
    assert (reply.status_code, reply.json()["queryId"]) == (400, "q-1")


@pytest.mark.parametrize("value", ["0", "-5", "0.000001"])
def test_request_that_comes_late_is_heavy(serve: Serve, value: str) -> None:
    served = serve()
    reply = served.route("select 1", headers={"X-Request-Deadline-Ms": value}).json()
    assert (reply["decision"], reply["reason"]) == ("heavy", "deadline")
    assert served.metric("smart_routing_fallbacks_total", reason="deadline") == 1


def test_body_over_4_mib_is_413(serve: Serve) -> None:
    served = serve()
    assert post(served, b" " * (MAX_BODY_BYTES + 1)).status_code == 413
    assert post(served, b"", **{"content-length": str(MAX_BODY_BYTES + 1)}).status_code == 413


@pytest.mark.parametrize(
    ("length", "status"),
    [
        pytest.param("0" * 5000 + "60", 200, id="leading-zeros"),
        pytest.param("9" * 5000, 413, id="many-digits"),
        pytest.param(str(MAX_BODY_BYTES), 200, id="the-most"),
        pytest.param("0" * 5000 + str(MAX_BODY_BYTES + 1), 413, id="one-more-after-zeros"),
        pytest.param("\u00b2", 200, id="no-number"),
    ],
)
def test_declared_length_is_compared_however_it_is_written(serve: Serve, length: str, status: int) -> None:
    content = json.dumps(WHOLE).encode()
    reply = serve().data("POST", "/v1/route", content=content, headers=[(b"content-length", length.encode("latin-1"))])
    assert reply.status_code == status


def test_body_over_4_mib_without_a_length_is_413(serve: Serve) -> None:
    async def chunks() -> Any:
        for _ in range(5):
            yield b" " * 2**20

    assert serve().data("POST", "/v1/route", content=chunks()).status_code == 413


def test_sql_over_1_mib_is_heavy(serve: Serve) -> None:
    reply = serve().route("x" * (2**20 + 1))
    assert (reply.status_code, reply.json()["decision"], reply.json()["reason"]) == (200, "heavy", "too_large")


@pytest.mark.parametrize(
    ("header", "decision"),
    [
        pytest.param("20261005_120000_00001_abcde", "heavy", id="live"),
        pytest.param("NONE", "light", id="none"),
        pytest.param("", "light", id="empty"),
    ],
)
def test_transaction_header_counts_where_it_names_one(serve: Serve, header: str, decision: str) -> None:
    reply = serve().route("select 1", headers={"X-Trino-Transaction-Id": header}).json()
    assert reply["decision"] == decision


@pytest.mark.parametrize(
    ("submitted", "logged"),
    [
        pytest.param("2026-10-05T12:00:00Z", "2026-10-05T12:00:00+00:00", id="utc"),
        pytest.param("2026-10-05T14:00:00+02:00", "2026-10-05T12:00:00+00:00", id="offset"),
        pytest.param("2026-10-05T12:00:00.5", "2026-10-05T12:00:00.500000+00:00", id="no-zone-is-utc"),
    ],
)
def test_submission_time_is_logged(serve: Serve, submitted: str, logged: str) -> None:
    served = serve()
    served.route("select 1", submittedAt=submitted)
    (row,) = rows(served)
    assert row.submitted_at == datetime.fromisoformat(logged)


def rows(served: Served) -> list[Any]:
    log = served.components.decision_log
    assert log is not None
    log.flush()
    assert served.components.settings.decision_log is not None
    return list(read_decisions(served.components.settings.decision_log))


def test_without_a_submission_time_the_clock_is_logged(serve: Serve) -> None:
    served = serve()
    served.data("POST", "/v1/route", json={"queryId": "q", "user": "u", "sqlText": "select 1"})
    (row,) = rows(served)
    assert abs((row.time - row.submitted_at).total_seconds()) < 5


def test_pinned_version_is_404_unless_loaded(serve: Serve) -> None:
    served = serve()
    version = served.route("select 1").headers["X-Model-Version"]
    for pin in ("v1.0.0", version, f"{version} "):
        assert served.route("select 1", headers={"X-Model-Version": pin}).json()["modelVersion"] == version
    reply = served.route("select 1", headers={"X-Model-Version": "v9"})
    assert (reply.status_code, reply.json()["queryId"]) == (404, "q-1")


def test_failure_that_nobody_foresaw_is_500(serve: Serve) -> None:
    served = serve()
    served.components.data_port.service.router.models = None  # type: ignore[assignment]
    reply = served.route("select 1")
    assert (reply.status_code, reply.json()) == (500, {"error": "Inference engine failed", "queryId": "q-1"})


def test_live_always_and_ready_with_a_model(serve: Serve, tmp_path: Path) -> None:
    with_model, without = serve(), serve(source=str(tmp_path / "nowhere"), state_dir=tmp_path / "empty")
    assert [served.data("GET", "/healthz").status_code for served in (with_model, without)] == [200, 200]
    assert [served.data("GET", "/readyz").status_code for served in (with_model, without)] == [200, 503]


def test_without_a_model_everything_unclear_is_heavy(serve: Serve, tmp_path: Path) -> None:
    served = serve(source=str(tmp_path / "nowhere"), state_dir=tmp_path / "empty")
    reply = served.route("select 1")
    assert (reply.json()["decision"], reply.json()["reason"], reply.json()["modelVersion"]) == (
        "heavy",
        "no_model",
        None,
    )
    assert "X-Model-Version" not in reply.headers
    assert served.route("SHOW TABLES").json()["decision"] == "light"


def test_decisions_are_counted(serve: Serve) -> None:
    served = serve()
    version = served.route(TWO_JOINS).headers["X-Model-Version"]
    labels = {"decision": "heavy", "reason": "model", "model_version": version}
    assert served.metric("smart_routing_decisions_total", **labels) == 1
    assert served.metric("smart_routing_heavy_probability_count") == 1
    for stage in ("wait", "cache", "tokens", "parse", "facts", "features", "model", "decide", "total"):
        assert served.metric("smart_routing_decision_seconds_count", stage=stage) == 1


def test_replies_are_identical_with_cache_and_without(serve: Serve) -> None:
    cached, plain = serve(), serve(cache_entries=0)
    statements = [TWO_JOINS, "select 1", "SHOW TABLES", "", "insert into t select 1", "select ((("]
    for sql in statements * 2:
        first, second = cached.route(sql), plain.route(sql)
        assert (first.content, first.headers) == (second.content, second.headers)


def test_vectors_are_logged_as_served(serve: Serve) -> None:
    served = serve(vectors="all", cache_entries=0)
    served.route(TWO_JOINS)
    served.route("SHOW TABLES")
    model, metadata = rows(served)
    assert model.vector is not None
    assert metadata.vector is None


def test_no_statement_in_log_or_decision_log(
    serve: Serve, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    served = serve(vectors="all")
    with caplog.at_level(0):
        for sql in (
            f"select '{MARKER}'",
            f"SHOW TABLES LIKE '{MARKER}'",
            f"select '{MARKER}",
            f"alter table t execute {MARKER}",
        ):
            served.route(sql, headers={"Authorization": f"Bearer {MARKER}"})
            served.route(sql, headers={"X-Model-Version": "v9"})
        post(served, f'{{"queryId": "q", "sqlText": "{MARKER}"}}'.encode())
    assert len(rows(served)) == 4
    log = served.components.settings.decision_log
    assert log is not None
    assert MARKER not in "".join(path.read_text() for path in log.iterdir())
    assert MARKER not in caplog.text
    assert MARKER not in "".join(capfd.readouterr())


def test_two_workers_share_nothing_and_agree(serve: Serve) -> None:
    first, second = serve(), serve()
    assert first.route(TWO_JOINS).content == second.route(TWO_JOINS).content
    assert first.components.admin_port.metrics.registry is not second.components.admin_port.metrics.registry
    assert second.metric("smart_routing_decision_seconds_count", stage="total") == 1
