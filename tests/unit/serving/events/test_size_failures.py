"""From an accepted event to the known-heavy list: which templates enter, and what becomes of them while it is down."""

import logging
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from serving.collector import Components
from serving.events.metrics import EventMetrics
from serving.events.size_failures import MAX_RECORDS, RETRY_SECONDS, STEP_SECONDS, SizeFailures
from serving.events.spill import Spill
from smart_routing.labels import SIZE_ERROR_CODES
from smart_routing.querylog.records import QueryRecord
from smart_routing.routing import Case
from smart_routing.settings import CollectorSettings
from tests.collected import Collected
from tests.unit.known_heavy.samples import NOW
from tests.unit.querylog.samples import event, record
from tests.unit.serving.events.event_store import RULES, MemoryStore
from tests.unit.serving.known_heavy_store import MemoryKnownHeavy

CPU_LIMIT = {"errorCode": {"name": "EXCEEDED_CPU_LIMIT", "type": "INSUFFICIENT_RESOURCES"}}


class Site:
    """A list and what fills it."""

    def __init__(self) -> None:
        self.store = MemoryKnownHeavy()
        self.metrics = EventMetrics.create()
        self.failures = SizeFailures(self.store, rules=RULES, metrics=self.metrics, clock=lambda: NOW)

    def templates(self, outcome: str) -> float:
        name = "smart_routing_known_heavy_templates_total"
        return self.metrics.registry.get_sample_value(name, {"outcome": outcome}) or 0.0


def failed(sql: str = "select 1", **changes: Any) -> QueryRecord:
    fields: dict[str, Any] = {"sql": sql, "prepared_sql": None, "state": "FAILED", "error_code": "EXCEEDED_CPU_LIMIT"}
    return record(**(fields | changes))


def offered(*records: QueryRecord) -> Site:
    site = Site()
    for one in records:
        site.failures.offer(one)
    return site


@pytest.mark.parametrize("code", sorted(SIZE_ERROR_CODES))
def test_template_that_failed_for_its_size_enters_as_the_router_will_know_it(code: str) -> None:
    failure = failed("select a from t where b = 7", error_code=code)
    site = offered(failure)
    assert site.failures.step() == STEP_SECONDS
    (entry,) = site.store.stored.values()
    assert (entry.template, entry.catalog, entry.schema) == (
        Case(request=failure.request()).template,
        failure.catalog,
        failure.schema,
    )
    assert (entry.reason, entry.query_id, entry.added_at) == (code, failure.query_id, NOW)
    assert entry.expires_at == NOW + timedelta(hours=1)
    assert site.templates("added") == 1


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"error_code": "QUERY_QUEUE_FULL"}, id="queue-full"),
        pytest.param({"error_code": "ADMINISTRATIVELY_PREEMPTED"}, id="pre-empted"),
        pytest.param({"error_code": "EXCEEDED_TIME_LIMIT"}, id="time-limit"),
        pytest.param({"error_code": None, "state": "FINISHED", "cpu_seconds": 9e9}, id="finished"),
        pytest.param({"cluster": "large"}, id="on-large"),
        pytest.param({"cluster": None}, id="somewhere"),
    ],
)
def test_nothing_else_enters(changes: dict[str, Any]) -> None:
    site = offered(failed(**changes))
    site.failures.step()
    assert site.store.stored == {}
    assert [site.templates(outcome) for outcome in ("added", "left_out", "dropped")] == [0, 0, 0]


def test_prepared_statement_enters_by_what_it_runs() -> None:
    prepared = failed("execute p using 1", prepared_sql="select a from t where b = ?")
    site = offered(prepared)
    site.failures.step()
    expected = Case(request=failed("select a from t where b = ?").request()).template
    assert [entry.template for entry in site.store.stored.values()] == [expected]


@pytest.mark.parametrize(
    "sql",
    [
        pytest.param("select '" + "x" * 70_000 + "'", id="too-long"),
        pytest.param("select '" + "é" * 40_000 + "'", id="too-long-in-UTF-8"),
        pytest.param("select 'open", id="no-tokens"),
    ],
)
def test_statement_that_cannot_be_told_from_others_is_left_out_and_counted(sql: str) -> None:
    site = offered(failed(sql))
    site.failures.step()
    assert (site.store.stored, site.templates("left_out")) == ({}, 1)


def test_templates_wait_for_a_list_that_is_down(caplog: pytest.LogCaptureFixture) -> None:
    site = offered(failed("select 1"))
    site.store.is_down = True
    assert [site.failures.step() for _ in range(2)] == [RETRY_SECONDS, RETRY_SECONDS]
    site.failures.offer(failed("select 1, 2"))
    site.failures.offer(failed("select 3, 4"))
    assert site.failures.step() == RETRY_SECONDS
    assert site.metrics.registry.get_sample_value("smart_routing_known_heavy_write_failures_total") == 3
    assert [item.message for item in caplog.records] == ["known_heavy_not_added"]
    site.store.is_down = False
    assert site.failures.step() == STEP_SECONDS
    assert (len(site.store.stored), site.templates("added"), site.templates("dropped")) == (2, 2, 0)


def test_oldest_is_dropped_where_too_many_wait() -> None:
    site = offered(*(failed("select 1" + ", 1" * number, query_id=f"q{number}") for number in range(5)))
    site.store.is_down = True
    site.failures.step()
    site.failures.offer(failed("select 1, 1, 1", query_id="q9"))
    site.store.is_down = False
    site.failures.step()
    assert [entry.query_id for entry in site.store.stored.values()] == ["q3", "q4", "q9"]
    assert site.templates("dropped") == 2


def test_oldest_is_dropped_where_too_many_come_at_once() -> None:
    site = offered(*(failed(query_id=f"q{number}") for number in range(MAX_RECORDS + 7)))
    site.failures.step()
    assert site.templates("dropped") == 7
    assert [entry.query_id for entry in site.store.stored.values()] == [f"q{MAX_RECORDS + 6}"]


def test_log_has_no_statement(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    site = offered(failed("select 'zanzibar4711'"))
    site.failures.step()
    assert [vars(item)["fields"] for item in caplog.records] == [{"templates": 1}]


def test_what_the_process_before_left_is_looked_through(tmp_path: Path) -> None:
    before = Spill(tmp_path, max_bytes=2**20, segment_bytes=1)
    for number in range(5):
        changes = {"metadata.queryId": f"q{number}", "failureInfo": CPU_LIMIT if number in (1, 3) else None}
        before.append(event(changes | {"metadata.query": "select 1" + ", 1" * number}))
    before.append(b"EXCEEDED_CPU_LIMIT, and no event")
    site = Site()
    site.failures.offer_left(Spill(tmp_path, max_bytes=2**20))
    site.failures.step()
    assert [entry.query_id for entry in site.store.stored.values()] == ["q1", "q3"]


def run_collector(folder: Path, *bodies: bytes) -> MemoryKnownHeavy:
    """The list after a collector has taken `bodies`, while its query log store is down."""
    known_heavy, store = MemoryKnownHeavy(), MemoryStore()
    store.go_down()
    settings = CollectorSettings(spill_dir=folder / "spill", rejects=folder / "rejects.jsonl")
    with Collected(Components(settings, store, known_heavy=known_heavy, rules=RULES)) as client:
        assert [client.post(body).status_code for body in bodies] == [200] * len(bodies)
    return known_heavy


def test_collector_hands_over_what_it_accepted_at_its_end_at_the_latest(tmp_path: Path) -> None:
    known_heavy = run_collector(tmp_path, event({"failureInfo": CPU_LIMIT}), event({"metadata.queryId": "q2"}))
    assert [entry.query_id for entry in known_heavy.stored.values()] == ["20261005_011107_00006_2pxgy"]


def test_collector_looks_through_what_was_left(tmp_path: Path) -> None:
    (tmp_path / "spill").mkdir()
    Spill(tmp_path / "spill", max_bytes=2**20).append(event({"failureInfo": CPU_LIMIT}))
    known_heavy = run_collector(tmp_path)
    assert [entry.query_id for entry in known_heavy.stored.values()] == ["20261005_011107_00006_2pxgy"]
