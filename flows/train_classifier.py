"""Train a candidate on the query log, judge it on the holdout beside the champion, and register it as `staging`."""

import time
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.logging import get_run_logger

from flows.arguments import whole
from flows.champion import load_champion
from flows.command import CommandParser, add_events, add_label_rule, run
from flows.judgement import Judgement
from flows.provenance import git_commit
from flows.query_events import read_whole_log
from flows.split import add_split, split_rule
from flows.training_lock import training_lock
from models.candidate import (
    Candidate,
    Exam,
    Examination,
    examine,
    make_candidate,
    write_candidate,
)
from models.dataset import Labelled, label
from models.exclusions import read_exclusions
from models.footprint import bundle_bytes
from models.gate import GateThresholds, read_gate
from models.lineage import log_candidate, log_lineage, write_statements
from models.params import read_params
from models.registry import ModelRegistry, Provenance
from models.reports.page import ReportContent, write_report
from models.reports.text import training_report
from models.split import SplitRule, dataset_digest
from models.tracking import Tracking
from models.trigger import Trigger
from models.versions import ValidationStatus
from monitoring.reference import REFERENCE_ARTIFACT, make_reference, write_reference
from smart_routing import protocol
from smart_routing.inference import Model
from smart_routing.labels import LabelRule
from smart_routing.settings import DeploymentSettings, FeatureSettings, RegistrySettings

USUAL_RULE: Final = LabelRule()


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingSummary(Judgement):
    """What a training run made. `version` is None where nothing was registered (a dry run)."""

    reasons: tuple[str, ...]
    manifest_sha256: str


@flow(name="train-classifier")
def train_classifier_flow(
    events: str | None = None,
    *,
    cpu_seconds: float = USUAL_RULE.cpu_seconds,
    memory_bytes: int = USUAL_RULE.memory_bytes,
    seed: int = 0,
    dry_run: bool = False,
    train_until: datetime | None = None,
    calibrate_until: datetime | None = None,
    trigger: Trigger | None = None,
) -> TrainingSummary:
    """Dataset, training, conversion, evaluation, gate, registration; `events` None reads the store.

    `trigger` says what started it, if nobody did. Raises `LockHeldError` where another training runs.
    """
    deployment = DeploymentSettings.load()
    gate = gate_of(deployment, trigger)
    rule, cut = LabelRule(cpu_seconds=cpu_seconds, memory_bytes=memory_bytes), split_rule(train_until, calibrate_until)
    with training_lock(deployment):
        labelled = label_log(events, rule)
        with training_run(trigger) as run_id, TemporaryDirectory() as scratch:
            folder = Path(scratch)
            candidate = make(whole(labelled), rule, seed, cut=cut, gate=gate)
            manifest = write(whole(candidate), folder)
            champion = load_champion(candidate.split.holdout[0].request.submitted_utc)
            examination = judge(whole(candidate), whole(champion), folder, gate)
            log(run_id, whole(candidate), whole(examination), folder, source=events or "store")
            made = None if dry_run else register(run_id, whole(candidate), whole(examination), folder, trigger=trigger)
    return TrainingSummary(
        version=made,
        run_id=run_id,
        passed=examination.verdict.passed,
        reasons=examination.verdict.reasons,
        manifest_sha256=manifest,
        report=training_report(candidate, examination, version=made),
        evaluation=examination.as_json(),
    )


@contextmanager
def training_run(trigger: Trigger | None) -> Iterator[str]:
    """A run in MLflow for the length of the block, which says from its start why it is there."""
    tracking = Tracking.connect(RegistrySettings.load())
    with tracking.run("train", tags=trigger.tags() if trigger else {}) as run_id:
        yield run_id


@task(cache_policy=NO_CACHE)
def label_log(events: str | None, rule: LabelRule) -> Labelled:
    labelled = label(read_whole_log(events), rule, read_exclusions(), limits=FeatureSettings.load().parse_limits())
    get_run_logger().info("%d records, %d labelled reads", labelled.records, len(labelled.reads))
    return labelled


@task(cache_policy=NO_CACHE)
def make(labelled: Labelled, rule: LabelRule, seed: int, *, cut: SplitRule, gate: GateThresholds) -> Candidate:
    candidate = make_candidate(labelled, rule, params=read_params(seed=seed), gate=gate, split_rule=cut)
    get_run_logger().info(candidate.calibration.summary())
    return candidate


@task(cache_policy=NO_CACHE)
def write(candidate: Candidate, folder: Path) -> str:
    """The bundle, and the drift reference: all reads, those that the trees learnt from apart."""
    split, labelled = candidate.split, candidate.labelled
    learnt, held_out = (
        [example.request for example in block] for block in (split.train, split.calibration + split.holdout)
    )
    reference = make_reference(
        learnt,
        held_out,
        model=candidate.model,
        gain=candidate.trained.gain,
        history=labelled.history,
        facts={example.request.sql: example.statement for example in labelled.reads},
    )
    write_reference(reference, folder / REFERENCE_ARTIFACT)
    return write_candidate(candidate, folder / protocol.BUNDLE_ARTIFACT_PATH)


@task(cache_policy=NO_CACHE)
def judge(candidate: Candidate, champion: Model | None, folder: Path, gate: GateThresholds) -> Examination:
    split, size = candidate.split, bundle_bytes(folder / protocol.BUNDLE_ARTIFACT_PATH)
    exam = Exam(before=split.train + split.calibration, holdout=split.holdout, history=candidate.labelled.history)
    examination = examine(candidate.model, exam, gate, champion=champion, bundle_bytes=size, clock=time.thread_time)
    verdict = "passed" if examination.verdict.passed else "; ".join(examination.verdict.reasons)
    get_run_logger().info("gate: %s", verdict)
    return examination


@task(cache_policy=NO_CACHE)
def log(run_id: str, candidate: Candidate, examination: Examination, folder: Path, *, source: str) -> None:
    tracking = Tracking.connect(RegistrySettings.load())
    content = ReportContent.of_training(candidate, examination)
    log_candidate(tracking, run_id, candidate, examination, review=content.review)
    log_lineage(tracking, run_id, candidate, source=source)
    write_statements(candidate.split, folder / "dataset")
    write_report(content, folder / "evaluation")
    for name in ("dataset", "evaluation", "reference"):
        tracking.log_folder(run_id, folder / name, to=name)


@task(cache_policy=NO_CACHE)
def register(
    run_id: str, candidate: Candidate, examination: Examination, folder: Path, *, trigger: Trigger | None
) -> int:
    """A version with the gate's verdict as its validation status; `staging` only where it passed."""
    registry = ModelRegistry.connect(RegistrySettings.load())
    passed = examination.verdict.passed
    provenance = Provenance(
        run_id=run_id,
        dataset_digest=dataset_digest(candidate.split),
        git_commit=git_commit(),
        calibrated_until=candidate.split.calibration[-1].request.submitted_utc,
        validation_status=ValidationStatus.PASSED if passed else ValidationStatus.FAILED,
        trigger=trigger,
    )
    version = registry.register_bundle(folder / protocol.BUNDLE_ARTIFACT_PATH, provenance)
    if passed:
        registry.set_alias(protocol.ALIAS_STAGING, version.number)
    return version.number


def gate_of(deployment: DeploymentSettings, trigger: Trigger | None) -> GateThresholds:
    """What is asked of a candidate; after a verdict, which is the only trigger, that of drift."""
    gate = read_gate(deployment.gate)
    return gate if trigger is None else gate.after_drift()


def main() -> None:
    parser = CommandParser(module="flows.train_classifier", description=str(__doc__))
    add_events(parser)
    add_label_rule(parser)
    parser.add_argument("--seed", type=int, default=0, help="seed of the booster (default 0)")
    parser.add_argument("--dry-run", action="store_true", help="judge the candidate and log the run, register nothing")
    add_split(parser)
    run(parser, _command)


def _command(options: Namespace) -> TrainingSummary:
    split_rule(options.train_until, options.calibrate_until)  # before Prefect takes its seconds
    return train_classifier_flow(
        options.events,
        cpu_seconds=options.cpu_seconds,
        memory_bytes=options.memory_bytes,
        seed=options.seed,
        dry_run=options.dry_run,
        train_until=options.train_until,
        calibrate_until=options.calibrate_until,
    )


if __name__ == "__main__":
    main()
