from datetime import timedelta

import pytest

from monitoring.truth.join import join
from monitoring.truth.outcomes import HORIZON, Fate, Followed, Outcome, follow
from smart_routing.decision_log import LoggedDecision
from smart_routing.querylog.records import RUNNING, QueryRecord
from tests.unit.monitoring.truth.samples import HEAVY, HOUR, NOON, SECOND, decision, outcome, record

LATER = NOON + 2 * HORIZON


def followed(
    decisions: list[LoggedDecision], records: list[QueryRecord], *outcomes: Outcome, minutes: float = 120
) -> list[Followed]:
    joined = join(decisions, records, digest=None)
    return list(follow(joined, outcomes, as_of=NOON + timedelta(minutes=minutes)))


def fate(records: list[QueryRecord], *outcomes: Outcome, minutes: float = 120) -> Fate:
    (one,) = followed([decision("q1")], records, *outcomes, minutes=minutes)
    return one.fate


def test_label_of_a_statement_that_ended_is_known() -> None:
    (one,) = followed([decision("q1")], [record("q1")], outcome("q1", weight=HEAVY))
    assert one.fate is Fate.KNOWN
    assert one.outcome is not None
    assert one.outcome.heavy


def test_statement_that_ended_without_a_label_is_joined_and_says_nothing() -> None:
    assert fate([record("q1", state="FAILED", error_type="USER_ERROR")]) is Fate.WITHOUT_SIZE


@pytest.mark.parametrize(("minutes", "expected"), [(59, Fate.PENDING), (61, Fate.MISSING), (2880, Fate.MISSING)])
def test_decision_without_an_event_is_missed_once_it_is_old_enough(minutes: float, expected: Fate) -> None:
    assert fate([], minutes=minutes) is expected


def test_what_ended_later_is_not_known_yet() -> None:
    late = {"end_time": LATER}
    assert fate([record("q1", **late)], outcome("q1", ended_at=LATER), minutes=30) is Fate.PENDING
    assert fate([record("q1", **late)], outcome("q1", ended_at=LATER), minutes=120) is Fate.KNOWN


def test_statement_that_runs_past_a_limit_is_heavy_now() -> None:
    seen = NOON + 10 * SECOND
    assert fate([record("q1", state=RUNNING, end_time=seen)], outcome("q1", ended_at=seen, weight=HEAVY)) is Fate.KNOWN


@pytest.mark.parametrize(("minutes", "expected"), [(59, Fate.PENDING), (121, Fate.MISSING)])
def test_statement_last_seen_running_within_its_limits_is_waited_for(minutes: float, expected: Fate) -> None:
    assert fate([record("q1", state=RUNNING, end_time=NOON + timedelta(minutes=55))], minutes=minutes) is expected


def test_retry_is_judged_once_by_what_the_statement_came_to() -> None:
    records = [record("q1"), record("q2", create_time=NOON + HOUR)]
    both = outcome("q1", "q2", ended_at=NOON + HOUR, weight=HEAVY)
    first, second = followed([decision("q2", submitted_at=NOON + HOUR), decision("q1")], records, both)
    assert (first.decision.query_id, first.fate) == ("q1", Fate.KNOWN)
    assert (second.decision.query_id, second.fate, second.outcome) == ("q2", Fate.REPEATED, None)
