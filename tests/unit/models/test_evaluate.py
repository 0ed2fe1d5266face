from dataclasses import replace

import numpy as np
import pytest

from models.evaluate import Contender, CostDifference, EvaluationReport, evaluate, figures, refutes
from models.gate import GateThresholds, judge
from smart_routing.bundle import Certificate, Threshold
from smart_routing.labels import LabelRule
from tests.unit.models.examples import rows

RULE = LabelRule()
GATE = GateThresholds(confidence=0.95, target_bound=0.05, min_light_share=0.3)
CERTIFIED = Threshold(
    value=0.5, without_history=0.5, certificate=Certificate(bound=0.05, confidence=0.95, heavies=100, misses_allowed=1)
)
GOOD = rows([0.9] * 40 + [0.1] * 100, [True] * 40 + [False] * 100)
SLOPPY = rows([0.1] * 20 + [0.9] * 20 + [0.1] * 100, [True] * 40 + [False] * 100)
COSTLY = rows([0.9] * 40 + [0.9] * 60 + [0.1] * 40, [True] * 40 + [False] * 100)
ALL_LARGE = rows([0.9] * 140, [True] * 40 + [False] * 100)
RULE_OF_THUMB = rows([np.inf] * 10 + [-np.inf] * 130, [True] * 40 + [False] * 100)


def report(**changes: object) -> EvaluationReport:
    whole = evaluate(Contender(rows=GOOD, threshold=CERTIFIED), RULE_OF_THUMB, rule=RULE)
    return replace(whole, **changes)  # type: ignore[arg-type]  # a test names the fields it changes


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


def test_gate_passes_a_certified_and_cheaper_candidate() -> None:
    assert judge(report(), GATE).passed


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"threshold": Threshold(value=0.0, without_history=0.0, certificate=None)}, "no certificate"),
        ({"refuted": True}, "the holdout refutes the bound 5%"),
        ({"routed": figures(COSTLY, threshold=0.5, rule=RULE)}, "light share 28.6%"),
        ({"routed": figures(SLOPPY, threshold=0.5, rule=RULE), "heuristic": figures(GOOD, threshold=0.5, rule=RULE)},
         "not below the heuristic's"),
        ({"routed": figures(ALL_LARGE, threshold=0.5, rule=RULE)}, "not below that of sending everything to large"),
        ({"champion": figures(GOOD, threshold=0.5, rule=RULE),
          "cost_difference": CostDifference(value=9.0, low=1.0, high=17.0)}, "+9.0 [+1.0, +17.0] CPU s above"),
    ],
    ids=["uncertified", "refuted", "light-share", "heuristic", "all-large", "champion"],
)  # fmt: skip
def test_gate_names_every_reason_against(changes: dict[str, object], reason: str) -> None:
    verdict = judge(report(**changes), GATE)
    assert not verdict.passed
    assert any(reason in told for told in verdict.reasons)


def test_bound_above_the_target_is_refused() -> None:
    strict = GATE.model_copy(update={"target_bound": 0.01})
    assert judge(report(), strict).reasons == ("certified bound 5% is above the target 1%",)


def test_dearer_by_chance_is_no_reason() -> None:
    champion = figures(GOOD, threshold=0.5, rule=RULE)
    assert judge(report(champion=champion, cost_difference=CostDifference(value=9.0, low=-1.0, high=19.0)), GATE).passed


def test_refuted_champion_is_no_rival() -> None:
    champion = figures(GOOD, threshold=0.5, rule=RULE)
    dearer = CostDifference(value=9.0, low=1.0, high=17.0)
    assert judge(report(champion=champion, champion_refuted=True, cost_difference=dearer), GATE).passed


def test_cost_difference_is_paired() -> None:
    contenders = [Contender(rows=found, threshold=CERTIFIED) for found in (COSTLY, GOOD)]
    found = evaluate(contenders[0], RULE_OF_THUMB, rule=RULE, champion=contenders[1]).cost_difference
    assert found is not None
    assert found.value == 60 * 2.0
    assert 0 < found.low < found.value < found.high
