"""What a replay does when, and how it tells of it."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from matplotlib.image import imread

from infra.local.replay.fleet import Training
from infra.local.replay.picture import draw
from infra.local.replay.plan import Plan, plan
from infra.local.replay.timeline import Night, Timeline
from infra.local.scale import LEAST_HEAVY, SCALED_RULE, fitting_rule
from smart_routing.errors import InputError
from smart_routing.labels import LabelRule
from smart_routing.querylog.records import QueryRecord
from tests.unit.querylog.samples import record


def ran(begin: datetime, *, query_id: str, lasts: timedelta = timedelta(minutes=1)) -> QueryRecord:
    return record(query_id, begin, end_time=begin + lasts, peak_memory_bytes=0)


MONDAY = datetime(2026, 10, 5, tzinfo=UTC)
HOUR = timedelta(hours=1)
WEEK = [ran(MONDAY + hours * HOUR, query_id=f"q{hours}") for hours in range(0, 7 * 24, 2)]


def planned(first: date | None = None, last: date | None = None, records: list[QueryRecord] = WEEK) -> Plan:
    return plan(records, first=first, last=last, slice_hours=6)


def test_the_first_four_days_are_learnt_from_and_the_rest_is_replayed() -> None:
    assert [str(day) for day in planned().days] == ["2026-10-09", "2026-10-10", "2026-10-11"]


def test_a_day_is_cut_into_slices_that_hold_each_of_its_statements_once() -> None:
    (day,) = planned(date(2026, 10, 7), date(2026, 10, 7)).days
    assert [(part.begin.hour, len(part.records)) for part in day.slices] == [(0, 3), (6, 3), (12, 3), (18, 3)]
    assert day.end == day.slices[-1].end == MONDAY + 72 * HOUR


def test_an_event_arrives_when_its_statement_ends() -> None:
    late = ran(MONDAY, query_id="late", lasts=50 * HOUR)
    ended = planned(records=[*WEEK, late])
    assert "late" not in {one.query_id for one in ended.ended(None, MONDAY + 48 * HOUR)}
    assert "late" in {one.query_id for one in ended.ended(MONDAY + 48 * HOUR, MONDAY + 72 * HOUR)}


@pytest.mark.parametrize(
    ("first", "last"),
    [(date(2026, 10, 5), None), (date(2026, 10, 9), date(2026, 10, 8)), (None, date(2026, 10, 20))],
    ids=["nothing to learn from", "turned round", "after the log"],
)
def test_days_that_the_log_has_not_are_refused(first: date | None, last: date | None) -> None:
    with pytest.raises(InputError, match=r"of a log from 2026-10-05 to 2026-10-11: expected a first day"):
        planned(first, last)


def test_an_empty_log_is_refused() -> None:
    with pytest.raises(InputError, match="empty"):
        planned(records=[])


def test_limits_are_the_usual_where_enough_statements_pass_them_and_scaled_where_not() -> None:
    heavy = [replace(ran(MONDAY, query_id=f"h{number}"), cpu_seconds=400.0) for number in range(LEAST_HEAVY)]
    assert fitting_rule([*WEEK, *heavy]) == LabelRule()
    killed = [replace(one, cpu_seconds=2.0, error_code="EXCEEDED_CPU_LIMIT") for one in heavy]
    assert fitting_rule([*WEEK, *heavy[1:], *killed]) == SCALED_RULE


def night(number: int, verdict: str, training: Training | None = None) -> Night:
    return Night(
        day=MONDAY + number * 24 * HOUR,
        statements=100,
        light=70,
        serving="version 1",
        verdict=verdict,
        reason=f"reason {number} with $ and % and a rather long sentence that does not fit into one line",
        tenants=(),
        signals=(),
        truth=None,
        training=training,
        folder="reports/1",
    )


def test_the_timeline_tells_what_followed_from_a_verdict() -> None:
    refused = Training(version=2, passed=False, promoted=False, told="version 2 did not pass: no certificate")
    told = str(Timeline(events="log", nights=[night(0, "none"), night(1, "retrain", refused)], workspace="w"))
    assert "Mon 05 Oct  version 1   none" in told
    assert "-> version 2 did not pass: no certificate" in told


def test_the_picture_has_a_column_for_each_night(tmp_path: Path) -> None:
    passed = Training(version=2, passed=True, promoted=True, told="version 2 serves")
    nights = [night(0, "none"), night(1, "retrain", passed), night(2, "rollback"), night(3, "no data")]
    widths = []
    for count in (2, 4):
        draw(nights[:count], tmp_path / "timeline.png")
        widths.append(imread(tmp_path / "timeline.png").shape[1])
    assert widths[1] - widths[0] == pytest.approx(2 * 2.1 * 110, abs=2)
