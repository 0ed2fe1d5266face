"""Report live truth: how often the version that serves was wrong, by the events of the statements that it decided."""

from argparse import Namespace
from dataclasses import dataclass
from datetime import UTC, datetime, time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.logging import get_run_logger

from flows.arguments import whole
from flows.command import CommandParser, add_events, run
from flows.logged import find_digest, find_histories, read_logged, read_stored
from flows.outcomes import outcomes_of
from models.dataset import label
from models.exclusions import read_exclusions
from models.registry import ModelRegistry
from models.tracking import Tracking
from models.versions import ModelVersion
from monitoring.frame import TEMPLATE
from monitoring.gauges import write_gauges
from monitoring.reference import REFERENCE_ARTIFACT, read_reference
from monitoring.skew import find_skew, skew_signal
from monitoring.truth.join import join
from monitoring.truth.outcomes import follow
from monitoring.truth.rates import rates
from monitoring.truth.report import TruthReport, unknowns
from monitoring.truth.signals import Watched, truth_signals
from monitoring.window import NOW, Window, read_window
from smart_routing import protocol
from smart_routing.decision_log import LoggedDecision
from smart_routing.errors import BundleError, RegistryError
from smart_routing.inference import Model
from smart_routing.querylog.records import QueryRecord
from smart_routing.settings import MonitoringSettings, RegistrySettings

DEFAULT_WINDOW: Final = "6h"


@dataclass(frozen=True)
class Serving:
    """The version that serves, and the templates that it was made from; None where they cannot be told."""

    version: ModelVersion
    model: Model
    seen: frozenset[str] | None


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was decided, what ran, and why something may be missing."""

    decisions: tuple[LoggedDecision, ...]
    records: tuple[QueryRecord, ...]
    gaps: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TruthSummary:
    """A report, where it was written, and the MLflow run that has it; None where MLflow could not take it."""

    report: TruthReport
    file: str
    run_id: str | None

    def as_json(self) -> dict[str, Any]:
        return {**self.report.as_json(), "file": self.file, "run_id": self.run_id}

    def __str__(self) -> str:
        return f"{self.report}\n{self.file} (MLflow run {self.run_id or 'not logged'})"


@flow(name="report-truth")
def report_truth_flow(
    as_of: str | None = None, window: str = DEFAULT_WINDOW, events: str | None = None, decisions: str | None = None
) -> TruthSummary:
    """Judge the production version's decisions in the `window` before `as_of` (default: now)."""
    span = read_window(as_of, window, now=datetime.now(UTC))
    serving = load_serving()
    evidence = gather(events, decisions, span, serving.model.version)
    report = judge(whole(evidence), whole(serving), span)
    file = write(whole(report))
    run_id = log(serving.version, whole(report), file)
    return TruthSummary(report, str(file), run_id)


@task(cache_policy=NO_CACHE)
def load_serving() -> Serving:
    """The version behind the alias `production`."""
    registry = ModelRegistry.connect(RegistrySettings.load())
    version = registry.resolve(protocol.ALIAS_PRODUCTION)
    return Serving(version, registry.load(version), fetch_templates(registry.tracking, version))


def fetch_templates(tracking: Tracking, version: ModelVersion) -> frozenset[str] | None:
    with TemporaryDirectory() as scratch:
        file = tracking.download(version.run_id, REFERENCE_ARTIFACT, Path(scratch))
        try:
            return frozenset(read_reference(file).rows[TEMPLATE]) if file else None
        except BundleError as error:
            get_run_logger().warning("templates are told neither seen nor unseen: %s", error)
            return None


@task(cache_policy=NO_CACHE)
def gather(events: str | None, decisions: str | None, window: Window, version: str) -> Evidence:
    """The version's decisions from the midnight before the window on, and the records of the same time."""
    since = begin_of_test(window)
    logged, gap = read_logged(decisions, since)
    asked = [one for one in logged if since <= one.submitted_at < window.end]
    own = tuple(one for one in asked if one.model_version == version)
    records, unread = read_stored(events, since, window)
    others = f"{len(asked) - len(own)} decisions are of other versions" if len(own) < len(asked) else None
    return Evidence(own, records, tuple(told for told in (gap, unread, others) if told))


def begin_of_test(window: Window) -> datetime:
    """A fixed moment for all windows of a day: a test that begins anew at each look would err more often."""
    return datetime.combine(window.start.date(), time(), UTC)


@task(cache_policy=NO_CACHE)
def judge(evidence: Evidence, serving: Serving, window: Window) -> TruthReport:
    """The window's rates; its signals, but for those of cost, which need weeks of the log."""
    model, digest = serving.model, find_digest()
    bundle = model.bundle
    labelled = label(evidence.records, bundle.label_rule, read_exclusions(), limits=bundle.parse_limits)
    joined = join(evidence.decisions, evidence.records, digest=digest)
    followed = follow(joined, outcomes_of(labelled.examples), as_of=window.end)
    current = [one for one in followed if one.decision.submitted_at >= window.start]
    skew = find_skew(joined.pairs, model, histories=find_histories())
    certificate = bundle.threshold.certificate
    bound = certificate.bound if certificate else None
    watched = Watched(bound=bound, rule=bundle.label_rule, known_until=window.start)
    return TruthReport(
        model_version=model.version,
        window=window,
        rates=rates(current, seen=serving.seen),
        skew=skew,
        signals=(*truth_signals(followed, (), window=window, watched=watched), skew_signal(skew, window)),
        unknown=(*evidence.gaps, *unknowns(joined, current, has_key=digest is not None)),
    )


@task(cache_policy=NO_CACHE)
def write(report: TruthReport) -> Path:
    return write_gauges(
        MonitoringSettings.load().reports,
        "truth",
        gauges=report.gauges,
        written_at=datetime.now(UTC),
        details=report.as_json(),
    )


@task(cache_policy=NO_CACHE)
def log(version: ModelVersion, report: TruthReport, file: Path) -> str | None:
    """A run of its own; figures that MLflow cannot take now are in the file all the same."""
    try:
        tracking = Tracking.connect(RegistrySettings.load())
        with tracking.run(f"truth {report.window.end:%Y-%m-%d %H:%M}") as run_id:
            tracking.set_tags(run_id, {"model_version": str(version.number)})
            tracking.log_metrics(run_id, report.metrics)
            tracking.log_file(run_id, file, to="truth")
    except RegistryError as error:
        get_run_logger().warning("the report is not in MLflow: %s", error)
        return None
    return run_id


def main() -> None:
    parser = CommandParser(module="flows.report_truth", description=str(__doc__))
    parser.add_argument(
        "--as-of",
        metavar="ISO",
        default=NOW,
        help="end of the window, UTC unless it names a zone (default %(default)s)",
    )
    parser.add_argument("--window", default=DEFAULT_WINDOW, help="length like 24h, 90m or 7d (default %(default)s)")
    add_events(parser)
    parser.add_argument("--decisions", metavar="DIR", help="decision log (default: the routers')")
    run(parser, _command)


def _command(options: Namespace) -> TruthSummary:
    window = read_window(options.as_of, options.window, now=datetime.now(UTC))  # before Prefect takes its seconds
    return report_truth_flow(window.end.isoformat(), options.window, options.events, options.decisions)


if __name__ == "__main__":
    main()
