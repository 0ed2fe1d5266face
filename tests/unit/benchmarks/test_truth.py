"""What a run's events say of its statements."""

import gzip
from datetime import UTC, datetime
from pathlib import Path

import pytest

from benchmarks.workload.driver import Outcome
from benchmarks.workload.schedule import make_schedule
from benchmarks.workload.sink import Event, EventSink, write_log
from benchmarks.workload.source import describe
from benchmarks.workload.tenants import TENANTS, Role
from benchmarks.workload.truth import summarise, weight
from infra.local.scale import SCALED_RULE
from smart_routing.labels import QueryWeight
from smart_routing.querylog.source import read_query_log
from tests.unit.benchmarks.runs import drive, events, outcome
from tests.unit.querylog.samples import event

KILLED = "EXCEEDED_CPU_LIMIT"


@pytest.mark.parametrize(
    ("one", "cpu", "expected"),
    [
        (outcome(0), 0.9, QueryWeight.LIGHT),
        (outcome(0), 1.0, QueryWeight.HEAVY),
        (outcome(0, ("small", KILLED)), 0.1, QueryWeight.HEAVY),
        (outcome(0, ("small", KILLED), ("large", None)), 0.1, QueryWeight.HEAVY),
        (outcome(0, ("small", "SYNTAX_ERROR")), 0.0, None),
    ],
    ids=["cheap", "at the limit", "killed", "killed and run again", "mistake"],
)
def test_weight_is_by_the_events_of_all_attempts(one: Outcome, cpu: float, expected: QueryWeight | None) -> None:
    assert weight(one, events(one, cpu={0: cpu}), SCALED_RULE) == expected


def test_statement_without_its_event_has_no_weight() -> None:
    assert weight(outcome(0), {}, SCALED_RULE) is None


def test_run_is_summed_up() -> None:
    outcomes = [
        outcome(0),
        outcome(1, ("small", KILLED), ("large", None)),
        outcome(2, ("large", None), role=Role.ETL),
        outcome(3, ("small", "SYNTAX_ERROR")),
    ]
    told = events(*outcomes, cpu={0: 1.0, 1: 4.5, 2: 50.0, 3: 0.0})
    summary = summarise(drive(*outcomes, unfinished=2), told, driver_cpu_seconds=5.0)
    assert (summary.statements, summary.unfinished, summary.attempts, summary.events) == (6, 2, 5, 5)
    assert (summary.reads, summary.heavy_reads, summary.cpu_by_heavy_reads) == (3, 2, 1.0)
    assert summary.errors == {KILLED: 1, "SYNTAX_ERROR": 1}
    assert summary.clusters == {"small": 3, "large": 2}
    assert summary.driver_cpu == 0.05


def test_sink_keeps_events_of_runs_once_and_without_plans() -> None:
    sink = EventSink("http://sink")
    body = event({"metadata.plan": "p" * 1000, "context.traceToken": "run-1"})
    for one in (body, body, event({"context.traceToken": None}), b"no event"):
        sink.take(one)
    kept = sink.events(["run-1", "run-2"], seconds=0)
    assert list(kept) == ["run-1"]
    assert kept["run-1"].record.trace_token == "run-1"
    assert b"ppp" not in kept["run-1"].line


def test_log_is_in_order_of_time_and_can_be_read(tmp_path: Path) -> None:
    late, early = (
        event(
            {
                "metadata.queryId": f"q{day}",
                "createTime": f"2026-10-0{day}T00:00:00Z",
                "endTime": "2026-10-09T00:00:00Z",
            }
        )
        for day in (3, 2)
    )
    sink = EventSink("http://sink")
    for number, line in enumerate((late, early)):
        sink.take(line.replace(b"t-1", f"run-{number}".encode()))
    write_log(sink.events(["run-0", "run-1"], seconds=0).values(), tmp_path / "events.jsonl.gz")
    assert gzip.decompress((tmp_path / "events.jsonl.gz").read_bytes()).count(b"\n") == 2
    assert [one.query_id for one in read_query_log(tmp_path, rejects=None)] == ["q2", "q3"]


def test_page_of_a_log_tells_seed_counts_and_limits() -> None:
    schedule = make_schedule(11, seconds=120, per_second=0.8)
    told: dict[str, Event] = events(outcome(0), cpu={})
    summary = summarise(drive(outcome(0)), told, driver_cpu_seconds=1.0)
    page = describe(schedule, summary, made_at=datetime(2026, 11, 23, tzinfo=UTC))
    for part in (
        "--minutes 2 --seed 11 --per-second 0.8`",
        schedule.digest,
        "query.max-memory=220MB",
        "70% were sent again",
        str(summary),
        "2026-11-23",
    ):
        assert part in page
    assert all(f"- {tenant.name}: " in page for tenant in TENANTS)
