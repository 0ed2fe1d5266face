"""Making a candidate: label, split, train, convert, calibrate, and write the bundle; judging it on the holdout."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models import package
from models.baseline import score_by_heuristic
from models.behaviour.checks import check_behaviour
from models.calibrate import Calibration, calibrate
from models.convert import Parity, compare
from models.dataset import Example, Labelled
from models.evaluate import Contender, EvaluationReport, evaluate
from models.footprint import Clock, Footprint, decision_p99_ms
from models.gate import Evidence, GateThresholds, GateVerdict, judge
from models.params import TrainParams
from models.probability import fit_probability
from models.progress import counted
from models.scoring import Scored, score_by_router
from models.split import USUAL_SPLIT, Split, SplitRule, split_by_time
from models.strata import differences_in_parts, strata
from models.train import Trained, predict, train
from models.vectors import matrices
from smart_routing.history.measures import NO_HISTORY, HistorySource
from smart_routing.inference import Model, scores
from smart_routing.labels import LabelRule


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A model with its threshold, and all that its making told.

    `calibration` was made from `calibration_rows`; `parity` covers every read of the log.
    """

    model: Model
    trained: Trained
    calibration: Calibration
    calibration_rows: Scored
    parity: Parity
    labelled: Labelled
    split: Split
    params: TrainParams


@dataclass(frozen=True, slots=True)
class Certified:
    """A model with its threshold, and the calibration rows that it comes from."""

    model: Model
    calibration: Calibration
    rows: Scored


@dataclass(frozen=True, slots=True, kw_only=True)
class Exam:
    """What a model is judged on: the `holdout`, what it may have seen `before`, and the past that all of them had.

    Both are in order of time, none of the holdout before any of the other.
    """

    before: tuple[Example, ...]
    holdout: tuple[Example, ...]
    history: HistorySource


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination:
    """What was found of a model, what the gate said to it, and the scored holdout rows."""

    evidence: Evidence
    verdict: GateVerdict
    rows: Scored

    @property
    def report(self) -> EvaluationReport:
        return self.evidence.report

    def as_json(self) -> dict[str, Any]:
        evidence = self.evidence
        return {
            **asdict(evidence.report),
            "parts": [asdict(part) for part in evidence.parts],
            "behaviour": [asdict(check) for check in evidence.behaviour],
            **asdict(evidence.footprint),
            "passed": self.verdict.passed,
            "reasons": list(self.verdict.reasons),
        }


def make_candidate(
    labelled: Labelled,
    rule: LabelRule,
    *,
    params: TrainParams,
    gate: GateThresholds,
    split_rule: SplitRule = USUAL_SPLIT,
) -> Candidate:
    """Train on the first block of time, set the threshold on the second, leave the third alone.

    Raises `TrainingError` where a block lacks a class, `BundleError` where ONNX and XGBoost disagree on any row.
    """
    split = split_by_time(labelled.reads, split_rule)
    trained = train(split.train, rule, params, history=labelled.history)
    certified = certify(package.candidate(trained, rule, labelled.limits), split, gate, history=labelled.history)
    native = partial(predict, trained.booster)
    return Candidate(
        model=certified.model,
        trained=trained,
        calibration=certified.calibration,
        calibration_rows=certified.rows,
        parity=prove_parity(certified.model, native, labelled, engine="XGBoost"),
        labelled=labelled,
        split=split,
        params=params,
    )


def certify(draft: Model, split: Split, gate: GateThresholds, *, history: HistorySource) -> Certified:
    """Set the threshold of a model that has none, on the calibration block behind the whole policy chain."""
    rows = score_by_router(split.calibration, draft, history)
    calibration = calibrate(
        rows,
        probability=fit_probability(rows),
        blind=score_by_router(split.calibration, draft, NO_HISTORY),
        confidence=gate.confidence,
        min_light_share=gate.min_light_share,
    )
    return Certified(package.with_threshold(draft, calibration.threshold), calibration, rows)


def write_candidate(candidate: Candidate, folder: Path) -> str:
    """Write the bundle into an empty folder; returns the manifest's sha256."""
    return package.write(candidate.model, candidate.trained, candidate.split.train, folder)


def examine(
    model: Model, exam: Exam, gate: GateThresholds, *, champion: Model | None, bundle_bytes: int, clock: Clock
) -> Examination:
    """Judge a model of that many bytes on the holdout, beside the heuristic and the champion, and by its behaviour."""
    rule, holdout, history = model.bundle.label_rule, exam.holdout, exam.history
    challenger = _contender(model, exam)
    rival = _contender(champion, exam) if champion else None
    requests = [example.request for example in holdout]
    evidence = Evidence(
        report=evaluate(challenger, score_by_heuristic(holdout), rule=rule, champion=rival),
        parts=(
            differences_in_parts(challenger, rival, strata(holdout, before=exam.before, rule=rule), rule=rule)
            if rival
            else ()
        ),
        behaviour=check_behaviour(model, holdout, before=exam.before, history=history),
        footprint=Footprint(
            decision_p99_ms=decision_p99_ms(model, requests, history=history, clock=clock), bundle_bytes=bundle_bytes
        ),
    )
    return Examination(evidence=evidence, verdict=judge(evidence, gate), rows=challenger.rows)


def _contender(model: Model, exam: Exam) -> Contender:
    return Contender(rows=score_by_router(exam.holdout, model, exam.history), threshold=model.bundle.threshold)


def prove_parity(
    model: Model, native: Callable[[NDArray[np.float32]], NDArray[np.float32]], labelled: Labelled, *, engine: str
) -> Parity:
    """Both engines on every read."""
    reads = labelled.reads
    parts = matrices(reads, model.bundle.vocabulary, labelled.history)
    both = [
        (native(vectors), scores(model.session, vectors))
        for vectors in counted(parts, f"compare {engine} with ONNX", total=len(reads), each=len)
    ]
    told, converted = (np.concatenate(parts) for parts in zip(*both, strict=True))
    return compare(told, converted, threshold=model.threshold, engine=engine)
