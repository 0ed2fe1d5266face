from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from models.behaviour.checks import Behaviour, BehaviourCheck
from models.evaluate import Contender, CostDifference, EvaluationReport, evaluate, figures
from models.footprint import Footprint
from models.gate import GATE_FILE, BehaviourDemands, Evidence, judge, read_gate
from models.strata import PartDifference
from smart_routing.bundle import Threshold
from smart_routing.errors import SettingsError
from smart_routing.labels import LabelRule
from tests.unit.models.examples import CERTIFIED, COSTLY, GOOD, RULE_OF_THUMB, rows

RULE = LabelRule()
GATE = read_gate()
SLOPPY = rows([0.1] * 20 + [0.9] * 20 + [0.1] * 100, [True] * 40 + [False] * 100)
ALL_LARGE = rows([0.9] * 140, [True] * 40 + [False] * 100)
CHEAPER = CostDifference(value=-9.0, low=-17.0, high=-1.0)
UNCLEAR = CostDifference(value=-9.0, low=-19.0, high=1.0)
UNCERTIFIED = Threshold(value=0.0, without_history=0.0, certificate=None)


def evidence(**changes: object) -> Evidence:
    """Of a candidate that behaves, without a champion."""
    whole = Evidence(
        report=reported(),
        parts=(),
        behaviour=tuple(BehaviourCheck(behaviour=behaviour, cases=100, right=100) for behaviour in Behaviour),
        footprint=Footprint(decision_p99_ms=2.0, bundle_bytes=1000),
    )
    return replace(whole, **changes)  # type: ignore[arg-type]  # a test names the fields it changes


def reported(**changes: object) -> EvaluationReport:
    whole = evaluate(Contender(rows=GOOD, threshold=CERTIFIED), RULE_OF_THUMB, rule=RULE)
    return replace(whole, **changes)  # type: ignore[arg-type]  # a test names the fields it changes


def against_champion(difference: CostDifference, *, refuted: bool = False) -> EvaluationReport:
    champion = figures(COSTLY, threshold=0.5, rule=RULE)
    return reported(champion=champion, cost_difference=difference, champion_refuted=refuted)


def part(low: float) -> PartDifference:
    difference = CostDifference(value=low + 2.0, low=low, high=low + 4.0)
    return PartDifference(way="source", name="dbt", rows=90, heavy=31, difference=difference)


def behaviour(name: Behaviour, *, right: int, columns: tuple[str, ...] = ()) -> tuple[BehaviourCheck, ...]:
    return (BehaviourCheck(behaviour=name, cases=100, right=right, columns=columns),)


def test_certified_and_cheaper_candidate_that_behaves_passes() -> None:
    assert judge(evidence(), GATE).reasons == ()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"threshold": UNCERTIFIED}, "no certificate"),
        ({"refuted": True}, "the holdout refutes the bound 5%, 0.0% [0.0%, 8.8%] of heavy units missed"),
        ({"routed": figures(COSTLY, threshold=0.5, rule=RULE)}, "on the holdout: 28.6%; expected at least 30%"),
        ({"routed": figures(SLOPPY, threshold=0.5, rule=RULE), "heuristic": figures(GOOD, threshold=0.5, rule=RULE)},
         "expected below the heuristic's, 0.0"),
        ({"routed": figures(ALL_LARGE, threshold=0.5, rule=RULE)}, "expected below that of sending everything to"),
    ],
    ids=["uncertified", "refuted", "light share", "heuristic", "all large"],
)  # fmt: skip
def test_every_reason_against_is_named(changes: dict[str, object], reason: str) -> None:
    verdict = judge(evidence(report=reported(**changes)), GATE)
    assert not verdict.passed
    assert any(reason in told for told in verdict.reasons)


def test_bound_above_the_target_is_refused() -> None:
    strict = GATE.model_copy(update={"target_bound": 0.01})
    (reason,) = judge(evidence(), strict).reasons
    assert reason.startswith("certificate: bound 5%")
    assert reason.endswith("expected a bound of at most 1% that holds")


def test_challenger_that_is_cheaper_beyond_chance_passes() -> None:
    assert judge(evidence(report=against_champion(CHEAPER)), GATE).passed


def test_after_drift_a_challenger_that_keeps_up_passes() -> None:
    assert judge(evidence(report=against_champion(UNCLEAR)), GATE.after_drift()).passed


def test_after_drift_a_challenger_that_is_dearer_beyond_chance_fails() -> None:
    dearer = CostDifference(value=9.0, low=1.0, high=19.0)
    (reason,) = judge(evidence(report=against_champion(dearer)), GATE.after_drift()).reasons
    assert reason.endswith("expected not dearer than the champion beyond chance, the interval not above zero")


def test_challenger_that_may_be_cheaper_by_chance_fails_with_the_figures() -> None:
    (reason,) = judge(evidence(report=against_champion(UNCLEAR)), GATE).reasons
    assert reason == (
        "cost on the holdout: 0.0 CPU s, -9.0 [-19.0, +1.0] against the champion's 120.0; "
        "expected cheaper than the champion beyond chance, the interval below zero"
    )


def test_same_model_again_is_not_cheaper() -> None:
    same = Contender(rows=COSTLY, threshold=CERTIFIED)
    report = evaluate(same, RULE_OF_THUMB, rule=RULE, champion=same)
    reasons = judge(evidence(report=report), GATE).reasons
    assert any("+0.0 [+0.0, +0.0] against the champion's 120.0" in reason for reason in reasons)


def test_refuted_champion_is_no_rival() -> None:
    refuted = against_champion(UNCLEAR, refuted=True)
    verdict = judge(evidence(report=refuted, parts=(part(1.0),)), GATE)
    assert verdict.passed
    assert any("these rows refute the champion's certificate" in str(check) for check in verdict.checks)


def test_part_that_is_dearer_beyond_chance_fails_whatever_the_whole() -> None:
    parts = (part(-1.0), part(1.0))
    (reason,) = judge(evidence(report=against_champion(CHEAPER), parts=parts), GATE).reasons
    assert "+3.0 [+1.0, +5.0] CPU s where source is dbt (90 rows, 31 heavy)" in reason


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"footprint": Footprint(decision_p99_ms=25.1, bundle_bytes=1)},
         "p99 of a decision: 25.10 ms; expected at most 25 ms"),
        ({"footprint": Footprint(decision_p99_ms=1.0, bundle_bytes=2**26 + 1)},
         "size of the bundle: 67,108,865 bytes; expected at most 67,108,864"),
        ({"behaviour": behaviour(Behaviour.CASE, right=99, columns=("sql_length", "join"))},
         "behaviour case: 99 of 100 right, mostly by sql_length, join; expected at least 100%"),
        ({"behaviour": behaviour(Behaviour.KNOWN_HEAVY, right=94)},
         "behaviour known_heavy: 94 of 100 right; expected at least 95%"),
    ],
    ids=["slow", "large", "case", "exemplars"],
)  # fmt: skip
def test_budget_and_behaviour_are_demanded(changes: dict[str, object], reason: str) -> None:
    assert judge(evidence(**changes), GATE).reasons == (reason,)


@pytest.mark.parametrize(
    ("cases", "right", "passed", "told"),
    [
        (0, 0, True, "no case, too few to judge"),
        (19, 9, True, "9 of 19 right, too few to judge"),
        (20, 19, False, "19 of 20 right"),
    ],
    ids=["none", "few", "enough"],
)
def test_share_of_few_cases_is_told_and_not_judged(cases: int, right: int, passed: bool, told: str) -> None:
    found = evidence(behaviour=(BehaviourCheck(behaviour=Behaviour.ADDED_JOINS, cases=cases, right=right),))
    verdict = judge(found, GATE)
    assert verdict.passed is passed
    assert str(verdict.checks[-1]) == f"behaviour added_joins: {told}; expected at least 98%"


def test_one_flip_of_a_rewritten_statement_is_enough_however_few_there_are() -> None:
    found = evidence(behaviour=(BehaviourCheck(behaviour=Behaviour.ALIASES, cases=2, right=1),))
    assert not judge(found, GATE).passed


def test_every_behaviour_has_a_demand() -> None:
    assert list(BehaviourDemands.model_fields) == [behaviour.value for behaviour in Behaviour]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda text: text.replace("blanks = 1.0", ""), "behaviour.blanks"),
        (lambda text: f"{text}\nspaces = 1.0", "behaviour.spaces"),
        (lambda text: text.replace("decision_p99_ms = 25.0", "decision_p99_ms = 0"), "budgets.decision_p99_ms"),
    ],
    ids=["missing", "unknown", "no budget"],
)
def test_gate_file_is_checked_key_by_key(change: Callable[[str], str], told: str, tmp_path: Path) -> None:
    path = tmp_path / "gate.toml"
    path.write_text(change(GATE_FILE.read_text()))
    with pytest.raises(SettingsError, match=told):
        read_gate(path)
