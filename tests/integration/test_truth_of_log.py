"""Live truth on the bundled log, where clocks are an hour off, events late, twice, lost for a night or all gone."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import pytest

from flows.outcomes import outcomes_of
from infra.local.loop import EVENTS
from infra.local.scale import SCALED_RULE
from models.dataset import label
from monitoring.drift.quality import volume
from monitoring.drift.signals import last_windows
from monitoring.policy import Verdict, judge
from monitoring.thresholds import read_thresholds
from monitoring.truth.join import join
from monitoring.truth.outcomes import follow
from monitoring.truth.signals import HEAVY_MISSES, LABEL_COVERAGE, Watched, truth_signals
from monitoring.window import Window
from smart_routing.decision_log import LoggedDecision
from smart_routing.labels import QueryWeight
from smart_routing.querylog.parquet import ParquetStore
from smart_routing.querylog.parts import open_parts
from smart_routing.querylog.records import QueryRecord
from smart_routing.querylog.source import read_query_log
from tests.unit.monitoring.truth.samples import DIGEST, decision

RULES = read_thresholds()
END = datetime(2026, 10, 10, tzinfo=UTC)
WINDOWS = last_windows(Window.before(END, timedelta(days=1)), RULES)
NIGHT = (datetime(2026, 10, 8, 20, tzinfo=UTC), datetime(2026, 10, 9, 6, tzinfo=UTC))
RIGHT, BLIND = "a version that is right", "a version that calls all light"
QUIET, HEARD = ("none", set[str]()), ("retrain", {HEAVY_MISSES})
UNTOLD = ("alert", {LABEL_COVERAGE})


@cache
def log() -> tuple[QueryRecord, ...]:
    """What ran in the two days that the short windows look at."""
    records = read_query_log(EVENTS, rejects=None)
    return tuple(record for record in records if WINDOWS.start <= record.create_time < END)


def decided(version: str, *, hours: int = 0, with_ids: bool = True) -> list[LoggedDecision]:
    """As routers log whose clocks are so many hours before those of the clusters."""
    return [_decision(record, version, timedelta(hours=hours), with_ids=with_ids) for record in log()]


def _decision(record: QueryRecord, version: str, off: timedelta, *, with_ids: bool) -> LoggedDecision:
    light = version == BLIND or record.weight(SCALED_RULE) is not QueryWeight.HEAVY
    return decision(
        record.query_id if with_ids else None,
        submitted_at=record.create_time + off,
        statement=None if with_ids else DIGEST(record.request()),
        decision=QueryWeight.LIGHT if light else QueryWeight.HEAVY,
    )


def night(decisions: Sequence[LoggedDecision], records: Sequence[QueryRecord]) -> Verdict:
    """What the report that closes the 9th makes of the truth alone."""
    joined = join(decisions, records, digest=DIGEST)
    followed = follow(joined, outcomes_of(label(records, SCALED_RULE).examples), as_of=END)
    watched = Watched(bound=0.05, rule=SCALED_RULE, known_until=WINDOWS.start)
    told = [
        signal for window in WINDOWS.short for signal in truth_signals(followed, (), window=window, watched=watched)
    ]
    return judge([volume(1000, len(records), WINDOWS.newest, RULES), *told], RULES)


def heard(verdict: Verdict) -> tuple[str, set[str]]:
    return verdict.kind, {signal.name for signal in verdict.signals}


@pytest.mark.parametrize("hours", [-1, 0, 1])
@pytest.mark.parametrize(("version", "expected"), [(RIGHT, QUIET), (BLIND, HEARD)])
def test_clocks_an_hour_off_change_no_verdict_where_ids_join(
    version: str, expected: tuple[str, set[str]], hours: int
) -> None:
    assert heard(night(decided(version, hours=hours), log())) == expected


@pytest.mark.parametrize(("hours", "expected"), [(-1, UNTOLD), (0, QUIET), (1, UNTOLD)])
def test_without_ids_clocks_an_hour_off_leave_the_truth_untold_and_that_is_said(
    hours: int, expected: tuple[str, set[str]]
) -> None:
    assert heard(night(decided(RIGHT, hours=hours, with_ids=False), log())) == expected


@pytest.mark.parametrize("version", [RIGHT, BLIND])
def test_events_and_decisions_that_come_twice_count_once(version: str, tmp_path: Path) -> None:
    store, once = ParquetStore(open_parts(str(tmp_path), None)), decided(version)
    for _ in range(2):
        store.append(log())
    assert night(once + once, list(store.read())) == night(once, log())


@pytest.mark.parametrize(("version", "expected"), [(RIGHT, QUIET), (BLIND, HEARD)])
def test_events_two_days_late_are_missed_and_then_judged_as_any_others(
    version: str, expected: tuple[str, set[str]]
) -> None:
    decisions = decided(version)
    in_time = night(decisions, [])
    assert heard(in_time) == UNTOLD
    assert "0 of " in in_time.reason
    assert "decisions have an event by now, at least 80% should" in in_time.reason
    assert heard(night(decisions, log())) == expected


@pytest.mark.parametrize(("version", "kind"), [(RIGHT, "alert"), (BLIND, "retrain")])
def test_a_night_without_events_is_told_beside_what_the_day_shows(version: str, kind: str) -> None:
    left = [record for record in log() if not NIGHT[0] <= record.create_time < NIGHT[1]]
    verdict = night(decided(version), left)
    assert verdict.kind == kind
    assert LABEL_COVERAGE in {signal.name for signal in verdict.signals}
