"""Statements that run: read as a real coordinator tells of them, and recorded once they are past a limit."""

import logging
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from serving.events.coordinator import Coordinator, RunningStatement
from serving.events.metrics import EventMetrics
from serving.events.poller import Poller
from smart_routing.errors import CoordinatorError
from smart_routing.labels import LabelRule
from smart_routing.querylog.records import QueryRecord, TableInput
from tests.unit.querylog.samples import record
from tests.unit.serving.events.coordinators import FakeFleet, real_answer
from tests.unit.serving.events.event_store import MemoryStore

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
POLL_SECONDS = 30.0
ID = "20261123_085358_00005_3z8ev"


class Site:
    """Two coordinators, `small` and `large`, a store and the poller between them."""

    def __init__(self) -> None:
        self.fleet = FakeFleet()
        self.store = MemoryStore()
        self.metrics = EventMetrics.create()
        http = self.fleet.client()
        self.poller = Poller(
            [Coordinator(f"http://{host}", http) for host in ("small", "large")],
            self.store,
            rule=LabelRule(),
            metrics=self.metrics,
            poll_seconds=POLL_SECONDS,
            clock=lambda: NOW,
        )

    def answers(self, host: str) -> float | None:
        labels = {"coordinator": f"http://{host}"}
        return self.metrics.registry.get_sample_value("smart_routing_coordinator_answers", labels)

    def counted(self, name: str) -> float | None:
        return self.metrics.registry.get_sample_value(f"smart_routing_{name}_total")


@pytest.fixture
def site() -> Site:
    return Site()


def ask(answer: httpx.Response) -> Coordinator:
    return Coordinator("http://small", httpx.Client(transport=httpx.MockTransport(lambda _: answer)))


def statements(answer: httpx.Response) -> list[RunningStatement]:
    coordinator = ask(answer)
    return [coordinator.statement(entry) for entry in coordinator.listed()]


def test_what_a_real_coordinator_lists_is_read() -> None:
    (statement,) = statements(httpx.Response(200, json=real_answer("queries.json")))
    assert (statement.query_id, statement.cpu_seconds, statement.peak_memory_bytes) == (ID, 5.78, 94_908_958)


def test_what_a_real_coordinator_tells_of_a_statement_is_its_record(site: Site) -> None:
    site.fleet.run("small", ID, cpu="5.78s", memory="94908958B")
    told = Coordinator("http://small", site.fleet.client()).record(ID, now=NOW)
    created = datetime(2026, 11, 23, 8, 53, 58, 345_000, tzinfo=UTC)
    assert told == QueryRecord(
        query_id=ID,
        sql="select count(*) from lineitem a cross join orders b where a.orderkey + b.orderkey = 17",
        user="ana",
        source="dbeaver",
        catalog="tpch",
        schema="sf1000",
        cluster="environment-of-small",
        query_type="SELECT",
        state="RUNNING",
        cpu_seconds=5.78,
        wall_seconds=(NOW - created).total_seconds(),
        peak_memory_bytes=94_908_958,
        create_time=created,
        end_time=NOW,
        trace_token="decision-1",
        session_properties={"query_priority": "5"},
        inputs=(
            TableInput(catalog="tpch", schema="sf1000", table="lineitem"),
            TableInput(catalog="tpch", schema="sf1000", table="orders"),
        ),
    )


def test_session_properties_of_a_catalog_are_named_after_it_as_in_events(site: Site) -> None:
    session = {"user": "ana", "systemProperties": {"a": "1"}, "catalogProperties": {"lake": {"b": "2"}}}
    site.fleet.run("small", "q", changes={"session": session, "preparedQuery": "select ?"})
    told = Coordinator("http://small", site.fleet.client()).record("q", now=NOW)
    assert told is not None
    assert (told.session_properties, told.prepared_sql) == ({"a": "1", "lake.b": "2"}, "select ?")


def test_coordinator_whose_clock_is_ahead_makes_no_negative_time(site: Site) -> None:
    site.fleet.run("small", ID)
    told = Coordinator("http://small", site.fleet.client()).record(ID, now=datetime(2026, 1, 1, tzinfo=UTC))
    assert told is not None
    assert (told.end_time, told.wall_seconds) == (told.create_time, 0.0)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        pytest.param(httpx.Response(401), "http://small answers 401 to GET /v1/query", id="refused"),
        pytest.param(httpx.Response(200, text="<html>"), "answers GET /v1/query with something else", id="no-json"),
        pytest.param(httpx.Response(200, json=[{"queryId": "q"}]), "missing required field `queryStats`", id="foreign"),
        pytest.param(
            httpx.Response(
                200,
                json=[
                    {
                        "queryId": "q",
                        "queryStats": {
                            "createTime": "2026-11-23T08:53:58.345Z",
                            "totalCpuTime": "5 weeks",
                            "peakUserMemoryReservation": "0B",
                        },
                    }
                ],
            ),
            "query q: '5 weeks': expected a duration",
            id="unit",
        ),
    ],
)
def test_answer_that_cannot_be_used_is_named(answer: httpx.Response, message: str) -> None:
    with pytest.raises(CoordinatorError, match=message):
        statements(answer)


@pytest.mark.parametrize(
    ("cpu", "memory", "stored"),
    [
        pytest.param("299.99s", "10737418240B", [], id="below"),
        pytest.param("300.00s", "0B", ["q"], id="cpu"),
        pytest.param("5.00m", "0B", ["q"], id="cpu-in-minutes"),
        pytest.param("0.00ns", "10737418241B", ["q"], id="memory"),
        pytest.param("1.00h", "1TB", ["q"], id="both"),
    ],
)
def test_statement_past_a_limit_is_stored_as_running(site: Site, cpu: str, memory: str, stored: list[str]) -> None:
    site.fleet.run("small", "q", cpu=cpu, memory=memory)
    assert site.poller.step() == POLL_SECONDS
    assert [one.query_id for one in site.store.stored.values() if one.running] == stored
    assert site.counted("running_statements") == len(stored)
    assert site.fleet.users == {"smart-routing"}


def test_statement_is_recorded_once(site: Site) -> None:
    site.fleet.run("small", "q", cpu="6.00m")
    site.poller.step()
    site.fleet.run("small", "q", cpu="7.00m")
    site.fleet.run("large", "r", cpu="6.00m")
    site.poller.step()
    assert [(name, one.cpu_seconds) for name, one in site.store.stored.items()] == [("q", 360.0), ("r", 360.0)]
    assert site.fleet.asked.count("small/v1/query/q") == 1


@pytest.mark.parametrize("how", ["gone", "finished"])
def test_statement_that_ended_meanwhile_is_left_to_its_event(site: Site, how: str) -> None:
    site.fleet.run("small", "q", cpu="6.00m", changes={"state": "FINISHED"} if how == "finished" else None)
    site.fleet.run("small", "r", cpu="6.00m")
    site.fleet.ended = {"q"} if how == "gone" else set()
    site.poller.step()
    assert list(site.store.stored) == ["r"]
    assert site.answers("small") == 1


@pytest.mark.parametrize(
    "broken", [None, httpx.Response(500), httpx.Response(200, text="[{")], ids=["absent", "error", "broken-off"]
)
def test_coordinator_that_does_not_answer_does_not_stop_the_others(site: Site, broken: httpx.Response | None) -> None:
    if broken is not None:
        site.fleet.broken["small"] = broken
    site.fleet.run("large", "q", cpu="6.00m")
    site.poller.step()
    assert list(site.store.stored) == ["q"]
    assert (site.answers("small"), site.answers("large")) == (0, 1)


@pytest.mark.parametrize(
    ("cpu", "changes", "told"),
    [
        pytest.param("5 weeks", None, "query odd: '5 weeks'", id="listed"),
        pytest.param("6.00m", {"session": None}, "GET /v1/query/odd with something else", id="asked-for"),
    ],
)
def test_statement_that_cannot_be_read_does_not_hide_the_others(
    site: Site, caplog: pytest.LogCaptureFixture, cpu: str, changes: dict[str, Any] | None, told: str
) -> None:
    site.fleet.run("small", "odd", cpu=cpu, changes=changes)
    site.fleet.run("small", "q", cpu="6.00m")
    site.fleet.run("large", "r")
    for _ in range(2):
        site.poller.step()
    assert list(site.store.stored) == ["q"]
    assert (site.answers("small"), site.answers("large")) == (1, 1)
    (line,) = caplog.records
    assert line.message == "running_statement_unreadable"
    assert told in vars(line)["fields"]["reason"]


def test_silence_and_its_end_are_each_told_once(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="serving.events.poller")
    site.fleet.run("large", "q")
    site.poller.step()
    site.poller.step()
    site.fleet.run("small", "r")
    site.poller.step()
    site.poller.step()
    assert [one.message for one in caplog.records] == ["coordinator_silent", "coordinator_answers_again"]


def test_store_that_is_down_gets_the_statement_at_the_next_look(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    site.fleet.run("small", "q", cpu="6.00m")
    site.store.failure = UnicodeEncodeError("utf-8", "select 'secret'", 0, 1, "surrogates")
    assert site.poller.step() == POLL_SECONDS
    assert site.counted("event_store_failures") == 1
    assert "secret" not in str([vars(one) for one in caplog.records])
    site.store.failure = None
    site.poller.step()
    assert list(site.store.stored) == ["q"]


def test_statement_whose_end_the_store_knows_stays_ended(site: Site) -> None:
    site.store.append([record("q")])
    site.fleet.run("small", "q", cpu="6.00m")
    site.poller.step()
    assert site.store.stored["q"].state == "FINISHED"
    assert site.counted("running_statements") == 0
