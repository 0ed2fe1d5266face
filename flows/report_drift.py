"""Report drift: how the last statements look to the version that serves, against what it was made from."""

from argparse import Namespace
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import pandas as pd
from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.logging import get_run_logger

from flows.arguments import whole
from flows.command import CommandParser, add_events, run
from flows.query_events import read_records
from models.dataset import label
from models.exclusions import ExclusionWindow, read_exclusions
from models.registry import ModelRegistry
from models.tracking import Tracking
from models.versions import ModelVersion
from monitoring.drift import DriftSummary, summarise
from monitoring.files import write_report
from monitoring.frame import HEAVY, monitoring_frame
from monitoring.page import PageContent
from monitoring.policy import Verdict, VerdictKind, judge
from monitoring.reference import REFERENCE_ARTIFACT, Reference, read_reference
from monitoring.thresholds import read_thresholds
from monitoring.window import NOW, Window, read_window
from smart_routing import protocol
from smart_routing.errors import BundleError
from smart_routing.history.measures import WINDOW as HISTORY_WINDOW
from smart_routing.inference import Model
from smart_routing.settings import MonitoringSettings, RegistrySettings

DEFAULT_WINDOW: Final = "24h"


@dataclass(frozen=True)
class Production:
    """The version that serves, ready to score, and its reference."""

    version: ModelVersion
    model: Model
    reference: Reference


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftReport:
    """The verdict, what it rests on and where more is. `html` is None where nothing was compared."""

    verdict: VerdictKind
    reason: str
    signals: tuple[str, ...]
    model_version: str
    start: str
    end: str
    reference_rows: int
    current_rows: int
    reference_heavy_share: float | None
    current_heavy_share: float | None
    drift_share: float
    moved: tuple[str, ...]
    folder: str
    html: str | None
    run_id: str

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    def __str__(self) -> str:
        return f"{self.verdict}: {self.reason}\n{self.html or self.folder} (MLflow run {self.run_id})"


@flow(name="report-drift")
def report_drift_flow(
    as_of: str | None = None, window: str = DEFAULT_WINDOW, events: str | None = None, out: str | None = None
) -> DriftReport:
    """Compare the reads of the `window` before `as_of` (default: now) with the reference of the production version."""
    span = read_window(as_of, window, now=datetime.now(UTC))
    production = load_production(span)
    current = read_current(events, span, whole(production.model))
    summary = compare(whole(production.reference), whole(current), span)
    verdict = judge(summary, read_thresholds())
    get_run_logger().info("%s: %s", verdict.kind, verdict.reason)
    content = PageContent(
        version=production.model.version,
        verdict=verdict,
        summary=summary,
        reference=production.reference,
        current=current,
    )
    files = write(whole(content), out)
    run_id = log(production.version, whole(summary), verdict, files)
    return report(content, files, run_id=run_id)


@task(cache_policy=NO_CACHE)
def load_production(window: Window) -> Production:
    """The version behind the alias `production`, its reference cut at the last change of the clusters."""
    registry = ModelRegistry.connect(RegistrySettings.load())
    version = registry.resolve(protocol.ALIAS_PRODUCTION)
    reference = fetch_reference(registry.tracking, version)
    changes = ended_changes(read_exclusions(), window)
    return Production(version, registry.load(version), reference.since(max(changes)) if changes else reference)


@task(cache_policy=NO_CACHE)
def read_current(events: str | None, window: Window, model: Model) -> pd.DataFrame:
    """The window's reads as training would take them: retries merged, excluded windows and mere mistakes left out."""
    records = read_records(events, since=window.start - HISTORY_WINDOW, until=window.end)
    bundle = model.bundle
    labelled = label(records, bundle.label_rule, read_exclusions(), limits=bundle.parse_limits)
    current = (example.request for example in labelled.reads if example.request.submitted_utc >= window.start)
    facts = {example.request.sql: example.statement for example in labelled.examples}
    return monitoring_frame(current, model, labelled.history, facts=facts)


@task(cache_policy=NO_CACHE)
def compare(reference: Reference, current: pd.DataFrame, window: Window) -> DriftSummary:
    return summarise(reference, current, window=window, thresholds=read_thresholds())


@task(cache_policy=NO_CACHE)
def write(content: PageContent, out: str | None) -> tuple[Path, ...]:
    name = f"{content.summary.window.end:%Y-%m-%dT%H%M}Z-{content.version}"
    folder = Path(out) if out else MonitoringSettings.load().reports / name
    return write_report(content, folder, read_thresholds())


@task(cache_policy=NO_CACHE)
def log(version: ModelVersion, summary: DriftSummary, verdict: Verdict, files: tuple[Path, ...]) -> str:
    """A run of its own, so that the run a version was made by stays as it was."""
    tracking = Tracking.connect(RegistrySettings.load())
    with tracking.run(f"drift {summary.window.end:%Y-%m-%d %H:%M}") as run_id:
        tags = {"model_version": str(version.number), "verdict": verdict.kind, "reason": verdict.reason}
        tracking.set_tags(run_id, tags)
        tracking.log_metrics(run_id, {"current_rows": summary.current_rows, "drift_share": summary.drift_share})
        for file in files:
            tracking.log_file(run_id, file, to="drift")
    return run_id


def fetch_reference(tracking: Tracking, version: ModelVersion) -> Reference:
    """Raises `BundleError` where the version's run has none, `RegistryError` where MLflow fails."""
    with TemporaryDirectory() as scratch:
        file = tracking.download(version.run_id, REFERENCE_ARTIFACT, Path(scratch))
        if file is None:
            raise BundleError(f"model version {version.number} has no {REFERENCE_ARTIFACT}: expected it of its run")
        return read_reference(file)


def ended_changes(exclusions: Iterable[ExclusionWindow], window: Window) -> list[datetime]:
    return [found.end for found in exclusions if found.kind == "change" and found.end <= window.end]


def report(content: PageContent, files: tuple[Path, ...], *, run_id: str) -> DriftReport:
    summary, verdict, heavy = content.summary, content.verdict, content.summary.share(HEAVY)
    return DriftReport(
        verdict=verdict.kind,
        reason=verdict.reason,
        signals=verdict.signals,
        model_version=content.version,
        start=summary.window.start.isoformat(),
        end=summary.window.end.isoformat(),
        reference_rows=summary.reference_rows,
        current_rows=summary.current_rows,
        reference_heavy_share=heavy.reference if heavy else None,
        current_heavy_share=heavy.current if heavy else None,
        drift_share=summary.drift_share,
        moved=tuple(column.column for column in summary.moved),
        folder=str(files[0].parent),
        html=next((str(file) for file in files if file.suffix == ".html"), None),
        run_id=run_id,
    )


def main() -> None:
    parser = CommandParser(module="flows.report_drift", description=str(__doc__))
    parser.add_argument(
        "--as-of",
        metavar="ISO",
        default=NOW,
        help="end of the window, UTC unless it names a zone (default %(default)s)",
    )
    parser.add_argument("--window", default=DEFAULT_WINDOW, help="length like 24h, 90m or 7d (default %(default)s)")
    add_events(parser)
    parser.add_argument("--out", metavar="DIR", help="folder to write the report into (default: one below the reports)")
    run(parser, _command)


def _command(options: Namespace) -> DriftReport:
    window = read_window(options.as_of, options.window, now=datetime.now(UTC))  # before Prefect takes its seconds
    return report_drift_flow(window.end.isoformat(), options.window, options.events, options.out)


if __name__ == "__main__":
    main()
