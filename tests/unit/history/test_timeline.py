"""The past of a log, as it was known at a moment."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smart_routing.history.measures import DELAY, MEASURES, MOST_RUNS, NO_HISTORY, WINDOW, known_until
from smart_routing.history.timeline import Timeline
from smart_routing.querylog.records import TableInput
from tests.unit.history.runs import NOW, keys_of, ran


def measures(timeline: Timeline, moment: datetime = NOW, *, key: int | None = None) -> dict[str, float]:
    (row,) = timeline.as_of(moment).measures((keys_of().template if key is None else key,))
    return dict(zip(MEASURES, row.tolist(), strict=True))


def test_measures_are_those_of_the_runs_in_the_window() -> None:
    runs = [ran(hours_ago=hours, cpu=cpu, memory=cpu * 10, heavy=cpu > 3) for hours, cpu in ((5, 1), (4, 2), (2, 4))]
    found = measures(Timeline(runs))
    assert {name: found[name] for name in ("runs", "cpu_p50", "cpu_max", "memory_p50", "memory_max", "idle_hours")} == {
        "runs": 3,
        "cpu_p50": 2,
        "cpu_max": 4,
        "memory_p50": 20,
        "memory_max": 40,
        "idle_hours": 2,
    }
    assert found["heavy_share"] == pytest.approx(1 / 3)
    assert found["cpu_p90"] == pytest.approx(np.quantile([1, 2, 4], 0.9))


def test_order_in_which_runs_are_told_does_not_matter() -> None:
    runs = [ran(hours_ago=hours, cpu=hours) for hours in (3.0, 9.0, 1.0)]
    assert measures(Timeline(runs)) == pytest.approx(measures(Timeline(runs[::-1])), nan_ok=True)


@pytest.mark.parametrize("late", [timedelta(0), timedelta(microseconds=1), timedelta(hours=5)], ids=str)
def test_what_had_not_ended_is_not_seen(late: timedelta) -> None:
    leak = ran(hours_ago=-late / timedelta(hours=1), cpu=1e6, heavy=True, rows=10**9)
    assert measures(Timeline([ran(), leak])) == pytest.approx(measures(Timeline([ran()])), nan_ok=True)


def test_planted_leak_shows_where_the_order_of_starts_is_taken_for_that_of_ends() -> None:
    """The statement was submitted before the request and ended after it: its cost is of the future."""
    timeline = Timeline([ran(hours_ago=-0.01, cpu=1e6)])
    assert np.isnan(timeline.at(NOW).measures(tuple(keys_of()))).all()
    assert measures(timeline, NOW + timedelta(hours=1))["cpu_max"] == 1e6


def test_what_is_older_than_the_window_is_forgotten() -> None:
    hours = WINDOW / timedelta(hours=1)
    assert measures(Timeline([ran(hours_ago=hours, cpu=5), ran(hours_ago=hours + 0.1, cpu=7)]))["cpu_max"] == 5


def test_only_the_latest_runs_count() -> None:
    runs = [ran(hours_ago=(MOST_RUNS + 5 - number) / 100, cpu=float(number < 5)) for number in range(MOST_RUNS + 5)]
    found = measures(Timeline(runs))
    assert (found["runs"], found["cpu_max"]) == (MOST_RUNS, 0)


def test_tables_keep_their_largest_scan() -> None:
    keys = keys_of("select 1 from lake.ads.a")
    timeline = Timeline([ran(rows=5), ran(rows=70), ran(rows=6), ran()])
    found = measures(timeline, key=keys.tables[0])
    assert (found["rows"], found["bytes"]) == (70, 700)
    assert np.isnan(measures(timeline)["rows"])


def test_scan_of_which_trino_says_no_size_tells_none() -> None:
    scan = TableInput(catalog="lake", schema="ads", table="a")
    (row,) = Timeline([replace(ran(), inputs=(scan,))]).as_of(NOW).measures(keys_of("select 1 from a").tables)
    assert np.isnan(row[-2:]).all()


def test_table_that_was_read_through_a_view_has_a_size_and_no_runs() -> None:
    found = measures(Timeline([ran(rows=3, table="behind")]), key=keys_of("select 1 from behind").tables[0])
    assert found["rows"] == 3
    assert np.isnan(found["runs"])


def test_unknown_keys_have_no_past() -> None:
    timeline = Timeline([ran()])
    np.testing.assert_array_equal(timeline.as_of(NOW).measures((1, 2)), NO_HISTORY.measures((1, 2)))


def test_empty_log_has_no_past() -> None:
    assert np.isnan(Timeline([]).as_of(NOW).measures((1,))).all()


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        (NOW, NOW - timedelta(hours=1)),
        (NOW + DELAY, NOW),
        (NOW + timedelta(minutes=59), NOW),
        ((NOW + DELAY).astimezone(tz=None), NOW),
    ],
    ids=["on the hour", "as late as a snapshot is", "before the next", "another zone"],
)
def test_request_knows_the_last_full_hour_that_is_published(moment: datetime, expected: datetime) -> None:
    assert known_until(moment) == expected
    assert known_until(moment).tzinfo is UTC


COSTS = st.floats(0, 1e9, allow_nan=False)


@given(st.lists(st.tuples(st.floats(0, 400), COSTS, COSTS, st.booleans()), min_size=1, max_size=300))
def test_measures_are_those_of_numpy_to_the_last_bit(told: list[tuple[float, float, float, bool]]) -> None:
    runs = [
        replace(ran(hours_ago=hours, cpu=cpu, heavy=heavy), memory_bytes=memory)  # type: ignore[arg-type]  # as parts of bytes
        for hours, cpu, memory, heavy in told
    ]
    latest = sorted(
        (run for run in runs if NOW - WINDOW <= run.ended_at < NOW), key=lambda run: run.ended_at.timestamp()
    )[-MOST_RUNS:]
    (row,) = Timeline(runs).as_of(NOW).measures((keys_of().template,))
    if not latest:
        assert np.isnan(row).all()
        return
    costs = np.array([(run.heavy, run.cpu_seconds, run.memory_bytes) for run in latest], dtype=np.float64)
    idle = (NOW.timestamp() - latest[-1].ended_at.timestamp()) / 3600
    quantiles = np.quantile(costs[:, 1:], (0.5, 0.9, 1.0), axis=0).T.ravel()
    expected = np.array([len(latest), costs[:, 0].mean(), *quantiles, idle, np.nan, np.nan], dtype=np.float32)
    np.testing.assert_array_equal(row, expected)


def test_moment_that_was_forgotten_is_computed_again() -> None:
    timeline = Timeline([ran(cpu=3.0)])
    first = measures(timeline)
    for hours in range(30):
        measures(timeline, NOW + timedelta(hours=hours + 1))
    assert measures(timeline) == pytest.approx(first, nan_ok=True)
