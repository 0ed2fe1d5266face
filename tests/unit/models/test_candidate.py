import json

import pytest

from models.behaviour.checks import Behaviour
from models.candidate import Candidate, Exam, Examination, examine, make_candidate
from models.dataset import Labelled
from models.gate import read_gate
from models.lineage import evidence_metrics
from models.params import read_params
from models.reports.text import verdict_lines
from smart_routing.inference import Model
from smart_routing.labels import LabelRule
from tests.unit.models.examples import example

RULE = LabelRule()
GATE = read_gate().model_copy(update={"target_bound": 0.1})
"""44 heavies calibrate, and 5% needs 59."""
EXAMPLES = tuple(example(number, heavy=number % 3 == 0) for number in range(600))


@pytest.fixture(scope="module")
def candidate() -> Candidate:
    params = read_params()
    few = params.model_copy(update={"rounds": params.rounds.model_copy(update={"most": 30})})
    labelled = Labelled(examples=EXAMPLES, records=600, excluded=0, merged=0, dropped=0)
    return make_candidate(labelled, RULE, params=few, gate=GATE)


@pytest.fixture(scope="module")
def first(candidate: Candidate) -> Examination:
    """Without a champion."""
    return examined(candidate, champion=None)


@pytest.fixture(scope="module")
def again(candidate: Candidate) -> Examination:
    """The champion is the same model, and the bundle is too large."""
    return examined(candidate, champion=candidate.model, bundle_bytes=2**27)


def examined(candidate: Candidate, *, champion: Model | None, bundle_bytes: int = 1000) -> Examination:
    """By a clock that stands still."""
    split = candidate.split
    exam = Exam(before=split.train + split.calibration, holdout=split.holdout, history=candidate.labelled.history)
    return examine(candidate.model, exam, GATE, champion=champion, bundle_bytes=bundle_bytes, clock=lambda: 0.0)


def test_first_candidate_that_is_certified_and_behaves_passes(first: Examination) -> None:
    written = json.loads(json.dumps(first.as_json()))
    assert (written["passed"], written["reasons"], written["parts"]) == (True, [], [])
    assert (written["decision_p99_ms"], written["bundle_bytes"]) == (0.0, 1000)
    assert [check["behaviour"] for check in written["behaviour"]] == list(Behaviour)
    rewritten = [check for check in written["behaviour"] if not check["behaviour"].startswith("known")]
    assert all(check["cases"] == check["right"] > 0 for check in rewritten)


def test_same_model_again_is_refused_for_its_cost(again: Examination) -> None:
    written = again.as_json()
    size, cost = written["reasons"][::-1]
    assert not written["passed"]
    assert cost.startswith("cost on the holdout: 0.0 CPU s, +0.0 [+0.0, +0.0] against the champion's 0.0")
    assert size == "size of the bundle: 134,217,728 bytes; expected at most 67,108,864"
    assert {part["way"] for part in written["parts"]} >= {"kind", "tenant"}


def test_metrics_are_those_of_figures_behaviour_and_footprint(again: Examination) -> None:
    metrics = evidence_metrics(again.evidence)
    assert (metrics["bundle_bytes"], metrics["decision_p99_ms"]) == (2.0**27, 0.0)
    assert (metrics["behaviour_case"], metrics["cost_difference_value"]) == (1.0, 0.0)
    assert metrics["routed_fnr"] == metrics["champion_fnr"] == 0.0


def test_report_has_a_line_for_every_check(again: Examination) -> None:
    told, *lines = verdict_lines(again.verdict)
    assert told == "gate: failed"
    assert [line.split()[0] for line in lines].count("FAILED") == 2
    assert "  ok      p99 of a decision: 0.00 ms; expected at most 25 ms" in lines
    assert any(line.startswith("  ok      cost in parts of the holdout: ") for line in lines)
