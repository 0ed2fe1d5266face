"""What a training run leaves in MLflow: parameters, metrics, and the statements it came from."""

import csv
import gzip
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from mlflow.entities import Dataset, DatasetInput, InputTag

from models.candidate import Candidate, Examination
from models.dataset import Example, digest
from models.evaluate import Figures
from models.gate import Evidence
from models.reports.review import Review
from models.split import Split
from models.tracking import Tracking

STATEMENTS_FILE: Final = "statements.csv.gz"


def log_candidate(
    tracking: Tracking, run_id: str, candidate: Candidate, examination: Examination, *, review: Review
) -> None:
    """Parameters of the making, all that the gate looked at, and the figures of the review."""
    trained, labelled = candidate.trained, candidate.labelled
    tracking.log_params(
        run_id,
        {
            **candidate.model.bundle.label_rule.as_json(),
            **_flat(candidate.params.model_dump()),
            **_flat({"parse_limits": asdict(labelled.limits)}),
            "terms_fitted": trained.terms_fitted,
            "columns": len(trained.vocabulary.columns),
            "rounds": trained.rounds,
            "records": labelled.records,
            "excluded": labelled.excluded,
            "merged": labelled.merged,
            "dropped": labelled.dropped,
        },
    )
    made = {"threshold": candidate.model.threshold, "onnx_largest_difference": candidate.parity.largest_difference}
    tracking.log_metrics(run_id, evidence_metrics(examination.evidence) | review.metrics() | made)


def evidence_metrics(evidence: Evidence) -> dict[str, float]:
    """Figures of the holdout, `model_`, `routed_`, `heuristic_` and `champion_` apart, and what else the gate weighs.

    What is undefined is left out.
    """
    report, footprint = evidence.report, evidence.footprint
    sides = {"model": report.model, "routed": report.routed, "heuristic": report.heuristic, "champion": report.champion}
    metrics = {name: value for side, figures in sides.items() if figures for name, value in _metrics(side, figures)}
    if report.threshold.certificate is not None:
        metrics["certified_bound"] = report.threshold.certificate.bound
    if report.cost_difference is not None:
        metrics |= {f"cost_difference_{name}": value for name, value in asdict(report.cost_difference).items()}
    shares = {f"behaviour_{check.behaviour}": check.share for check in evidence.behaviour if check.share is not None}
    known = {name: value for name, value in metrics.items() if not math.isnan(value)}
    return known | shares | {name: float(value) for name, value in asdict(footprint).items()}


def log_lineage(tracking: Tracking, run_id: str, candidate: Candidate, *, source: str) -> None:
    """One data set per block of time, with its digest and size, as inputs of the run."""
    inputs = [_input(name, block, source) for name, block in _blocks(candidate.split).items()]
    tracking.log_datasets(run_id, inputs)


def write_statements(split: Split, folder: Path) -> None:
    """Write `statements.csv.gz`: which statement, by query id, was in which block under which label; no SQL."""
    folder.mkdir(parents=True, exist_ok=True)
    with gzip.open(folder / STATEMENTS_FILE, "wt", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["query_id", "block", "submitted_at", "template", "weight"])
        for name, block in _blocks(split).items():
            rows.writerows(_row(name, example) for example in block)


def _blocks(split: Split) -> dict[str, tuple[Example, ...]]:
    return {"training": split.train, "calibration": split.calibration, "holdout": split.holdout}


def _row(block: str, example: Example) -> tuple[str, ...]:
    request = example.request
    return request.query_id, block, request.submitted_utc.isoformat(), example.template, example.weight.value


def _flat(params: Mapping[str, Any]) -> dict[str, object]:
    """Sections and their keys joined by a dot."""
    flat: dict[str, object] = {}
    for name, value in params.items():
        inner = {f"{name}.{key}": found for key, found in value.items()} if isinstance(value, dict) else {name: value}
        flat |= inner
    return flat


def _metrics(side: str, figures: Figures) -> Iterator[tuple[str, float]]:
    shares = {
        "fnr": figures.false_negative_rate,
        "unit_fnr": figures.unit_false_negative_rate,
        "fpr": figures.false_positive_rate,
    }
    for name, share in shares.items():
        yield f"{side}_{name}", share.value
        yield f"{side}_{name}_low", share.low
        yield f"{side}_{name}_high", share.high
    yield f"{side}_light_share", figures.light_share
    yield f"{side}_cpu_weighted_fnr", figures.cpu_weighted_false_negative_rate
    yield f"{side}_cost_cpu_seconds", figures.cost
    if figures.roc_auc is not None and figures.average_precision is not None:
        yield f"{side}_roc_auc", figures.roc_auc
        yield f"{side}_pr_auc", figures.average_precision


def _input(name: str, block: Sequence[Example], source: str) -> DatasetInput:
    heavy = sum(example.heavy for example in block)
    span = [block[0].request.submitted_utc.isoformat(), block[-1].request.submitted_utc.isoformat()]
    dataset = Dataset(
        name=f"query-log-{name}",
        digest=digest(block),
        source_type="query_log",
        source=json.dumps({"uri": source}),
        profile=json.dumps({"rows": len(block), "heavy": heavy, "from": span[0], "to": span[1]}),
    )
    return DatasetInput(dataset=dataset, tags=[InputTag("mlflow.data.context", name)])
