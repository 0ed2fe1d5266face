import numpy as np
import pytest

from models.evaluate import Contender, cost_difference, evaluate, figures, refutes
from smart_routing.labels import LabelRule
from tests.unit.models.examples import CERTIFIED, COSTLY, GOOD, RULE_OF_THUMB, rows

RULE = LabelRule()


def test_figures_count_misses_alarms_and_cost() -> None:
    found = figures(rows([0.9, 0.1, 0.9, 0.1], [True, True, False, False]), threshold=0.5, rule=RULE)
    assert (found.heavy, found.missed, found.light_share) == (2, 1, 0.5)
    assert found.false_negative_rate.value == 0.5
    assert found.false_positive_rate.value == 0.5
    assert found.cpu_weighted_false_negative_rate == 0.5
    assert found.cost == 300.0 + 2.0


def test_share_without_a_miss_still_has_an_upper_limit() -> None:
    share = figures(GOOD, threshold=0.5, rule=RULE).false_negative_rate
    assert share.value == share.low == 0.0
    assert 0.05 < share.high < 0.1


def test_rules_are_left_out_of_the_models_own_figures() -> None:
    mixed = rows([0.9, np.inf, -np.inf, 0.1], [True, True, False, False])
    found = evaluate(Contender(rows=mixed, threshold=CERTIFIED), mixed, rule=RULE)
    assert (found.model.rows, found.routed.rows) == (2, 4)


@pytest.mark.parametrize(
    ("scores", "precision"),
    [
        ([np.inf, 0.2, 0.7, -np.inf], (1 + 2 / 3) / 2),
        ([0.9, -np.inf, 0.7, 0.1], 0.75),
        ([np.inf, np.inf, -np.inf, np.inf], None),
    ],
    ids=["heavy by rule", "light by rule", "rules only"],
)
def test_rows_that_rules_decide_rank_before_and_after_all_others(scores: list[float], precision: float | None) -> None:
    found = figures(rows(scores, [True, True, False, False]), threshold=0.5, rule=RULE)
    assert found.average_precision == (None if precision is None else pytest.approx(precision))


@pytest.mark.parametrize(("missed", "refuted"), [(0, False), (2, False), (9, True)], ids=["none", "luck", "refuted"])
def test_holdout_refutes_only_beyond_chance(missed: int, refuted: bool) -> None:
    scores = [0.1] * missed + [0.9] * (60 - missed)
    assert refutes(rows(scores, [True] * 60), CERTIFIED) is refuted


def test_cost_difference_is_paired() -> None:
    contenders = [Contender(rows=found, threshold=CERTIFIED) for found in (COSTLY, GOOD)]
    found = evaluate(contenders[0], RULE_OF_THUMB, rule=RULE, champion=contenders[1]).cost_difference
    assert found is not None
    assert found.value == 60 * 2.0
    assert 0 < found.low < found.value < found.high


def test_more_confidence_is_a_wider_interval_of_the_same_difference() -> None:
    ours, theirs = (Contender(rows=found, threshold=CERTIFIED) for found in (COSTLY, GOOD))
    usual, wide = (cost_difference(ours, theirs, RULE, confidence=confidence) for confidence in (0.95, 0.999))
    assert wide.value == usual.value
    assert wide.low < usual.low < usual.high < wide.high
