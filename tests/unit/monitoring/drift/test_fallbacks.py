"""Decisions without the model: borne up to a share, and no further."""

from datetime import timedelta

import pytest

from monitoring.drift.fallbacks import fallbacks
from monitoring.policy import judge
from monitoring.thresholds import read_thresholds
from monitoring.window import Window
from smart_routing.decision_log import LoggedDecision
from smart_routing.labels import QueryWeight
from smart_routing.routing import Reason
from tests.unit.monitoring.samples import WINDOW_DAY

RULES = read_thresholds()
WINDOW = Window.before(WINDOW_DAY + timedelta(days=1), timedelta(days=1))


def decision(reason: Reason, *, minute: int) -> LoggedDecision:
    moment = WINDOW_DAY + timedelta(minutes=minute)
    return LoggedDecision(
        time=moment,
        submitted_at=moment,
        query_id=f"q{minute}",
        user="0",
        source=None,
        template=None,
        decision=QueryWeight.HEAVY,
        reason=reason,
        probability=None,
        threshold=None,
        model_version=None,
        history_snapshot=None,
        policy_revision="",
    )


@pytest.mark.parametrize(
    ("without", "alerts"), [(0, False), (1, False), (20, True)], ids=["none", "one of a thousand", "many"]
)
def test_many_decisions_without_the_model_are_an_alert_that_no_training_cures(without: int, alerts: bool) -> None:
    reasons = [Reason.DEADLINE] * without + [Reason.MODEL] * (1000 - without)
    decisions = [decision(reason, minute=minute) for minute, reason in enumerate(reasons)]
    (found,) = fallbacks(decisions, [WINDOW], RULES)
    assert found.current == without / 1000
    assert (judge([found], RULES).kind == "alert") is alerts


def test_a_window_without_decisions_says_nothing() -> None:
    before = decision(Reason.DEADLINE, minute=-1)
    assert list(fallbacks([before], [WINDOW], RULES)) == []
