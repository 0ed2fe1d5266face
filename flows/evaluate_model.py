"""Evaluate a registered version on what came after it was made, beside the champion, and record the gate's verdict."""

import time
from argparse import Namespace
from pathlib import Path
from tempfile import TemporaryDirectory

from prefect import flow, task
from prefect.cache_policies import NO_CACHE

from flows.arguments import whole
from flows.champion import load_champion
from flows.command import CommandParser, add_events, positive, run
from flows.judgement import Judgement
from flows.query_events import read_whole_log
from models.candidate import Exam, Examination, examine
from models.dataset import Labelled, label
from models.exclusions import read_exclusions
from models.footprint import bundle_bytes
from models.gate import read_gate
from models.lineage import evidence_metrics
from models.registry import ModelRegistry
from models.reports.page import ReportContent, write_report
from models.reports.text import evaluation_lines, verdict_lines
from models.split import submitted_after
from models.tracking import Tracking
from models.versions import ModelVersion, ValidationStatus
from smart_routing import protocol
from smart_routing.errors import TrainingError
from smart_routing.inference import Model
from smart_routing.settings import DeploymentSettings, RegistrySettings


@flow(name="evaluate-model")
def evaluate_model_flow(version: int, events: str | None = None, dry_run: bool = False) -> Judgement:
    """Judge `version` on what was submitted after its calibration; unless dry, its validation status follows."""
    registered = find(version)
    model = load(registered)
    labelled = label_log(events, whole(model))
    exam = set_exam(whole(labelled), registered)
    champion = load_champion(exam.holdout[0].request.submitted_utc, besides=version)
    examination = judge(whole(model), whole(exam), registered, champion=whole(champion))
    with Tracking.connect(RegistrySettings.load()).run(f"evaluate version {version}") as run_id:
        content = describe(whole(model), whole(exam), whole(examination))
        record(run_id, version, whole(content), dry_run=dry_run)
    return Judgement(
        version=version,
        run_id=run_id,
        passed=examination.verdict.passed,
        report="\n".join([*evaluation_lines(examination.report), *verdict_lines(examination.verdict)]),
        evaluation=examination.as_json(),
    )


@task(cache_policy=NO_CACHE)
def find(version: int) -> ModelVersion:
    return ModelRegistry.connect(RegistrySettings.load()).resolve(version)


@task(cache_policy=NO_CACHE)
def load(version: ModelVersion) -> Model:
    return ModelRegistry.connect(RegistrySettings.load()).load(version)


@task(cache_policy=NO_CACHE)
def label_log(events: str | None, model: Model) -> Labelled:
    """The whole log, under the version's own rule and caps: its holdout, and the past before that."""
    bundle = model.bundle
    return label(read_whole_log(events), bundle.label_rule, read_exclusions(), limits=bundle.parse_limits)


@task(cache_policy=NO_CACHE)
def set_exam(labelled: Labelled, version: ModelVersion) -> Exam:
    """Reads that the version cannot know, and those before; raises `TrainingError` where the former lack a class."""
    until = version.calibrated_until
    if until is None:
        expected = f"a tag {protocol.TAG_CALIBRATED_UNTIL}"
        raise TrainingError(f"version {version.number} does not say what it was made from: expected {expected}")
    reads = labelled.reads
    holdout = submitted_after(reads, until)
    return Exam(before=reads[: len(reads) - len(holdout)], holdout=holdout, history=labelled.history)


@task(cache_policy=NO_CACHE)
def judge(model: Model, exam: Exam, version: ModelVersion, *, champion: Model | None) -> Examination:
    registry = ModelRegistry.connect(RegistrySettings.load())
    with TemporaryDirectory() as scratch:
        size = bundle_bytes(registry.download_bundle(version, Path(scratch)))
    gate = read_gate(DeploymentSettings.load().gate)
    return examine(model, exam, gate, champion=champion, bundle_bytes=size, clock=time.thread_time)


@task(cache_policy=NO_CACHE)
def describe(model: Model, exam: Exam, examination: Examination) -> ReportContent:
    return ReportContent.of_version(model, exam, examination)


@task(cache_policy=NO_CACHE)
def record(run_id: str, version: int, content: ReportContent, *, dry_run: bool) -> None:
    settings, examination = RegistrySettings.load(), content.examination
    tracking = Tracking.connect(settings)
    tracking.log_metrics(run_id, evidence_metrics(examination.evidence) | content.review.metrics())
    with TemporaryDirectory() as scratch:
        write_report(content, Path(scratch))
        tracking.log_folder(run_id, Path(scratch), to="evaluation")
    if not dry_run:
        status = ValidationStatus.PASSED if examination.verdict.passed else ValidationStatus.FAILED
        ModelRegistry.connect(settings).set_validation_status(version, status)


def main() -> None:
    parser = CommandParser(module="flows.evaluate_model", description=str(__doc__))
    parser.add_argument("--version", type=positive, required=True, metavar="N", help="number of the version")
    add_events(parser)
    parser.add_argument("--dry-run", action="store_true", help="judge, and leave the version's validation status alone")
    run(parser, _command)


def _command(options: Namespace) -> Judgement:
    return evaluate_model_flow(options.version, options.events, dry_run=options.dry_run)


if __name__ == "__main__":
    main()
