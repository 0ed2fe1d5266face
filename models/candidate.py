"""Making a candidate: label, split, train, convert, calibrate, and write the bundle; judging it on the holdout."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from models import package, plots
from models.baseline import score_by_heuristic
from models.calibrate import Calibration, calibrate
from models.convert import Parity, compare
from models.dataset import Example, Labelled
from models.evaluate import Contender, EvaluationReport, evaluate
from models.gate import GateThresholds, GateVerdict, judge
from models.progress import counted
from models.scoring import Scored, score_by_router
from models.split import USUAL_SPLIT, Split, SplitRule, split_by_time
from models.train import Trained, TrainParams, matrix, predict, train
from smart_routing.history.measures import NO_HISTORY, HistorySource
from smart_routing.inference import Model, scores
from smart_routing.labels import LabelRule

_ROWS: Final = 4096
"""Whose vectors are held at once."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination:
    """What the holdout and the gate said of a model, and the scored holdout rows."""

    report: EvaluationReport
    verdict: GateVerdict
    rows: Scored

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self.report), "passed": self.verdict.passed, "reasons": list(self.verdict.reasons)}


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
    history = labelled.history
    trained = train(split.train, rule, params, history=history)
    draft = package.candidate(trained, rule, labelled.limits)
    rows = score_by_router(split.calibration, draft, history)
    calibration = calibrate(
        rows,
        blind=score_by_router(split.calibration, draft, NO_HISTORY),
        confidence=gate.confidence,
        min_light_share=gate.min_light_share,
    )
    model = package.with_threshold(draft, calibration.threshold)
    return Candidate(
        model=model,
        trained=trained,
        calibration=calibration,
        calibration_rows=rows,
        parity=_prove_parity(model, trained, labelled),
        labelled=labelled,
        split=split,
        params=params,
    )


def write_candidate(candidate: Candidate, folder: Path) -> str:
    """Write the bundle into an empty folder; returns the manifest's sha256."""
    return package.write(candidate.model, candidate.trained, candidate.split.train, folder)


def examine(
    model: Model,
    holdout: Sequence[Example],
    gate: GateThresholds,
    *,
    history: HistorySource,
    champion: Model | None = None,
) -> Examination:
    """Judge a model on holdout examples, beside the heuristic and the champion on the same rows."""
    challenger = _contender(model, holdout, history)
    report = evaluate(
        challenger,
        score_by_heuristic(holdout),
        rule=model.bundle.label_rule,
        champion=_contender(champion, holdout, history) if champion else None,
    )
    return Examination(report=report, verdict=judge(report, gate), rows=challenger.rows)


def write_examination(examination: Examination, rule: LabelRule, folder: Path) -> None:
    """Write `evaluation.json` and the plots into a folder, made where it is missing."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "evaluation.json").write_text(json.dumps(examination.as_json(), indent=2, sort_keys=True))
    threshold = examination.report.threshold.value
    plots.draw(examination.rows, threshold=threshold, rule=rule, folder=folder)


def _contender(model: Model, holdout: Sequence[Example], history: HistorySource) -> Contender:
    return Contender(rows=score_by_router(holdout, model, history), threshold=model.bundle.threshold)


def _prove_parity(model: Model, trained: Trained, labelled: Labelled) -> Parity:
    """Both engines on every read, some at a time: all vectors together may not fit into memory."""
    reads, native, converted = labelled.reads, [], []
    parts = [reads[start : start + _ROWS] for start in range(0, len(reads), _ROWS)]
    for part in counted(parts, "compare XGBoost with ONNX", total=len(reads), each=len):
        features = matrix(part, trained.vocabulary, labelled.history)
        native.append(predict(trained.booster, features))
        converted.append(scores(model.session, features))
    return compare(np.concatenate(native), np.concatenate(converted), threshold=model.threshold)
