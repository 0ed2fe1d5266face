"""A version that has begun to serve: what refutes its bound, and what is not held against it."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from monitoring.watch import Watched, WatchLimits, heavy_units, is_since, unheard_of, watch
from monitoring.window import Window
from smart_routing.decision_log import LoggedDecision
from smart_routing.labels import LabelRule, QueryWeight
from smart_routing.querylog.records import FINISHED, RUNNING, QueryRecord
from smart_routing.routing import Reason

BEGAN = datetime(2026, 10, 10, 8, tzinfo=UTC)
WINDOW = Window(BEGAN, BEGAN + timedelta(hours=1))
LIMITS = WatchLimits(bound=0.05, miss_odds=1000, fewest_heavies=8, error_rise=0.05)
LIGHT, HEAVY = QueryWeight.LIGHT, QueryWeight.HEAVY


def decision(number: int, **fields: Any) -> LoggedDecision:
    usual: dict[str, Any] = {
        "time": BEGAN + timedelta(seconds=number),
        "submitted_at": BEGAN + timedelta(seconds=number),
        "query_id": f"q{number}",
        "user": "u",
        "source": None,
        "template": f"t{number}",
        "decision": LIGHT,
        "reason": Reason.MODEL,
        "probability": 0.1,
        "threshold": 0.5,
        "model_version": "v2-abcdef",
        "history_snapshot": None,
        "policy_revision": "1",
    }
    return LoggedDecision(**usual | fields)


def record(number: int, **fields: Any) -> QueryRecord:
    usual: dict[str, Any] = {
        "query_id": f"q{number}",
        "sql": "select 1",
        "user": "u",
        "state": FINISHED,
        "cpu_seconds": 400.0,
        "wall_seconds": 1.0,
        "create_time": BEGAN + timedelta(seconds=number),
        "end_time": BEGAN + timedelta(seconds=number + 1),
    }
    return QueryRecord(**usual | fields)


def watched(
    since: Sequence[LoggedDecision], records: Sequence[QueryRecord] = (), before: Sequence[LoggedDecision] = ()
) -> Watched:
    return Watched(version=2, window=WINDOW, before=before, since=since, records=records, rule=LabelRule())


def names(seen: Watched) -> list[str]:
    return [signal.name for signal in watch(seen, LIMITS)]


def test_a_version_that_misses_every_heavy_statement_is_refuted_by_eight() -> None:
    seen = watched([decision(n) for n in range(8)], [record(n) for n in range(8)])
    (signal,) = watch(seen, LIMITS)
    assert signal.sentence == (
        "8 of 8 heavy templates were sent to the small cluster since version 2 serves, where the bound is 5%"
    )
    assert signal.p_value < 0.001


@pytest.mark.parametrize(
    ("decided", "ran"),
    [
        pytest.param({"decision": HEAVY}, {}, id="sent to large"),
        pytest.param({}, {"cpu_seconds": 1.0}, id="light"),
        pytest.param({"model_version": "v1-abcdef"}, {}, id="of the version before"),
        pytest.param({"model_version": "v21-abcdef"}, {}, id="of a version with more digits"),
        pytest.param({"reason": Reason.OVERRIDE}, {}, id="ordered by hand"),
        pytest.param({"template": "dashboard"}, {}, id="one template again and again"),
        pytest.param({"query_id": None, "decision_id": "other"}, {}, id="no event"),
    ],
)
def test_what_is_not_held_against_it(decided: dict[str, Any], ran: dict[str, Any]) -> None:
    count = range(40)
    assert names(watched([decision(n, **decided) for n in count], [record(n, **ran) for n in count])) == []


def test_a_statement_still_running_past_the_limit_is_heavy_now_and_joined_by_its_token() -> None:
    decisions = [decision(n, query_id=None, decision_id=f"d{n}") for n in range(3)]
    records = [record(n, query_id=f"trino{n}", trace_token=f"d{n}", state=RUNNING) for n in range(3)]
    assert heavy_units(watched(decisions, records)) == (True, True, True)


def test_the_first_statement_of_a_template_on_a_day_counts_and_retries_do_not() -> None:
    decisions = [decision(0, template="t"), decision(1, template="t", decision=HEAVY)]
    failed = record(0, state="FAILED", cpu_seconds=1.0, error_code="EXCEEDED_LOCAL_MEMORY_LIMIT")
    assert heavy_units(watched(decisions, [record(1), failed, failed])) == (True,)


@pytest.mark.parametrize(
    ("failing", "usual", "expected"),
    [
        pytest.param(40, 0, ["router_errors"], id="a fifth fails"),
        pytest.param(40, 40, [], id="as before"),
        pytest.param(4, 0, [], id="a few"),
    ],
)
def test_a_rise_of_failures_is_held_against_it(failing: int, usual: int, expected: list[str]) -> None:
    before = [decision(n, reason=Reason.DEADLINE if n < usual else Reason.MODEL) for n in range(200)]
    since = [decision(n, reason=Reason.MODEL_ERROR if n < failing else Reason.MODEL) for n in range(200)]
    assert names(watched(since, before=before)) == expected


def sequence(*runs: tuple[str, int], reason: Reason = Reason.MODEL) -> list[LoggedDecision]:
    """Decisions one after the other: so many by each version."""
    versions = [version for version, count in runs for _ in range(count)]
    return [decision(n, model_version=version, reason=reason) for n, version in enumerate(versions)]


@pytest.mark.parametrize(
    ("since", "expected"),
    [
        pytest.param(sequence(("v2-ab", 200), ("v1-cd", 20)), ["swap_undone"], id="routers went back"),
        pytest.param(sequence(("v2-ab", 200), ("v1-cd", 19)), [], id="a few are pinned"),
        pytest.param(sequence(("v1-cd", 200), ("v2-ab", 1)), [], id="it just began"),
        pytest.param(sequence(("v1-cd", 200)), [], id="it has not begun"),
        pytest.param(sequence(("v2-ab", 9), ("v1-cd", 90), ("v2-ab", 1)), [], id="some routers still serve it"),
        pytest.param(sequence(("v2-ab", 9), ("v1-cd", 90), reason=Reason.OVERRIDE), [], id="none by a model"),
    ],
)
def test_a_version_that_the_routers_let_go_of_is_told(since: list[LoggedDecision], expected: list[str]) -> None:
    assert names(watched(since)) == expected


@pytest.mark.parametrize(
    ("decisions", "events", "told"),
    [
        pytest.param(100, 80, None, id="most are here"),
        pytest.param(100, 79, "79 of 100 decisions have an event by now", id="lost"),
        pytest.param(100, 0, "0 of 100 decisions have an event by now", id="late"),
        pytest.param(0, 0, None, id="nothing decided"),
    ],
)
def test_that_events_are_late_or_lost_is_told(decisions: int, events: int, told: str | None) -> None:
    old = [decision(n, submitted_at=BEGAN) for n in range(decisions)]
    young = [decision(n, submitted_at=BEGAN + timedelta(seconds=1)) for n in range(1000, 1100)]
    records = [record(n, create_time=BEGAN) for n in range(events)]
    assert unheard_of(watched([*old, *young], [*records, *records])) == told


@pytest.mark.parametrize(
    ("version", "minutes", "expected"),
    [
        pytest.param("v2-ab", 1, True, id="after"),
        pytest.param("v2-ab", -60, True, id="its own, by a clock that is an hour late"),
        pytest.param("v2-ab", -61, False, id="its own, when it served before"),
        pytest.param("v1-cd", -1, False, id="before"),
        pytest.param("v1-cd", 1, True, id="of routers that have not seen it yet"),
    ],
)
def test_what_a_version_decided_is_its_own_though_clocks_are_an_hour_apart(
    version: str, minutes: int, *, expected: bool
) -> None:
    made = decision(0, time=BEGAN + timedelta(minutes=minutes), model_version=version)
    assert is_since(made, 2, BEGAN) is expected


@pytest.mark.parametrize("late", [False, True], ids=["clocks agree", "routers an hour late"])
def test_a_version_that_served_before_and_begins_anew_is_not_told_as_let_go_of(*, late: bool) -> None:
    """The routers, which have not seen the promotion yet, still decide by the version in between."""
    hour = timedelta(hours=1)
    earlier = [decision(n, time=BEGAN - hour + timedelta(seconds=n)) for n in range(200)]
    others = [decision(n, time=BEGAN - late * hour + timedelta(seconds=n), model_version="v1-cd") for n in range(30)]
    since = [one for one in (*earlier, *others) if is_since(one, 2, BEGAN)]
    assert names(watched(since)) == []


def test_without_a_version_before_there_is_no_rise() -> None:
    assert names(watched([decision(n, reason=Reason.MODEL_ERROR) for n in range(500)])) == []
