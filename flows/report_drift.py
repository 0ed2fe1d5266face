"""Report drift: how the last statements look to the version that serves, against what it was made from."""

from argparse import Namespace
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import pandas as pd
from prefect import flow, task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE
from prefect.logging import get_run_logger

from flows.arguments import whole
from flows.command import CommandParser, add_events, run
from flows.drift_sources import SOURCES, Asked, Production, read_asked
from flows.reaction import react
from models.exclusions import ExclusionWindow, read_exclusions
from models.registry import ModelRegistry
from models.tracking import Tracking
from models.versions import ModelVersion
from monitoring.drift.signals import Drift, LastWindows, drift_signals, last_windows
from monitoring.drift_gauges import drift_gauges
from monitoring.files import PAGE_FILE, ReportFiles, write_report
from monitoring.frame import HEAVY, monitoring_frame
from monitoring.gauges import write_gauges
from monitoring.markdown import told_in_markdown
from monitoring.page import PageContent
from monitoring.policy import Serving, Verdict, VerdictKind, judge
from monitoring.reference import REFERENCE_ARTIFACT, Reference, read_reference
from monitoring.signals import Signal
from monitoring.thresholds import read_thresholds
from monitoring.truth.signals import HEAVY_MISSES
from monitoring.window import NOW, Window, read_window
from monitoring.workspace import keep
from smart_routing import protocol
from smart_routing.errors import BundleError, RegistryError
from smart_routing.settings import MonitoringSettings, RegistrySettings

DEFAULT_WINDOW: Final = "24h"
ARTIFACTS: Final = "drift"
"""Among the files of the report's run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftReport:
    """The verdict, what it rests on and where more is. `html` is None where nothing was compared.

    `truth` says how many heavy statements the version missed so far, None where no event tells; `run_id` is None where
    MLflow could not take the report.
    """

    verdict: VerdictKind
    reason: str
    signals: tuple[str, ...]
    tenants: tuple[str, ...]
    moved: tuple[str, ...]
    model_version: str
    start: str
    end: str
    reference_rows: int
    current_rows: int
    reference_heavy_share: float | None
    current_heavy_share: float | None
    truth: str | None
    drift_share: float
    folder: str
    html: str | None
    run_id: str | None

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    def __str__(self) -> str:
        return f"{self.verdict}: {self.reason}\n{self.html or self.folder} (MLflow run {self.run_id or 'not logged'})"


@flow(name="report-drift")
def report_drift_flow(
    as_of: str | None = None,
    window: str = DEFAULT_WINDOW,
    events: str | None = None,
    out: str | None = None,
    *,
    act: bool = False,
) -> DriftReport:
    """Hold the reads of the last windows before `as_of` (default: now) against the reference of the version in force.

    `window` is the length of a long one; `act` has people told and the verdict followed. Every run reads its windows
    anew: none depends on an earlier run.
    """
    windows = last_windows(read_window(as_of, window, now=datetime.now(UTC)), read_thresholds())
    production = load_production(windows.newest)
    asked = read_log(events, windows, whole(production))
    current = read_current(whole(asked))
    drift = compare(whole(production.reference), whole(current), windows)
    signals = (*drift.signals, *ask_others(whole(asked)))
    verdict = judge(signals, read_thresholds(), serving=production.serving)
    get_run_logger().info("%s: %s", verdict.kind, verdict.reason)
    content = PageContent(
        version=production.model.version,
        verdict=verdict,
        signals=signals,
        drift=drift,
        reference=production.reference,
        current=current,
    )
    files = write(whole(content), out)
    run_id = log(production.version, whole(drift), whole(verdict), whole(files))
    show(whole(content), whole(files))
    export(whole(content))
    made = report(content, files, run_id=run_id)
    if act:
        follow(production.version, made, whole(content))
    return made


@task(cache_policy=NO_CACHE)
def load_production(window: Window) -> Production:
    """The version behind the alias `production`, its reference cut at the last change of the clusters."""
    registry = ModelRegistry.connect(RegistrySettings.load())
    registered = registry.read()
    version = registered.resolve(protocol.ALIAS_PRODUCTION)
    reference = fetch_reference(registry.tracking, version)
    changes = ended_changes(read_exclusions(), window)
    return Production(
        version=version,
        model=registry.load(version),
        reference=reference.since(max(changes)) if changes else reference,
        serving=Serving(
            since=serving_since(version), has_previous=registered.aliased(protocol.ALIAS_PREVIOUS) is not None
        ),
    )


@task(cache_policy=NO_CACHE)
def read_log(events: str | None, windows: LastWindows, production: Production) -> Asked:
    return read_asked(production, windows, events, exclusions=read_exclusions())


@task(cache_policy=NO_CACHE)
def read_current(asked: Asked) -> pd.DataFrame:
    """The windows' reads as the version sees them."""
    labelled, start = asked.labelled, asked.windows.start
    current = (example.request for example in labelled.reads if example.request.submitted_utc >= start)
    facts = {example.request.sql: example.statement for example in labelled.examples}
    return monitoring_frame(current, asked.production.model, labelled.history, facts=facts)


@task(cache_policy=NO_CACHE)
def compare(reference: Reference, current: pd.DataFrame, windows: LastWindows) -> Drift:
    return drift_signals(reference, current, windows, read_thresholds())


@task(cache_policy=NO_CACHE)
def ask_others(asked: Asked) -> tuple[Signal, ...]:
    """What speaks of the same windows without the frame of features: `flows.drift_sources` says who."""
    return tuple(signal for source in SOURCES for signal in source(asked))


@task(cache_policy=NO_CACHE)
def write(content: PageContent, out: str | None) -> ReportFiles:
    name = f"{content.drift.window.end:%Y-%m-%dT%H%M}Z-{content.version}"
    folder = Path(out) if out else MonitoringSettings.load().reports / name
    return write_report(content, folder, read_thresholds())


@task(cache_policy=NO_CACHE)
def log(version: ModelVersion, drift: Drift, verdict: Verdict, files: ReportFiles) -> str | None:
    """A run of its own, so that the run a version was made by stays as it was; None where MLflow takes none now."""
    tags = {"model_version": str(version.number), "verdict": verdict.kind, "reason": verdict.reason}
    try:
        tracking = Tracking.connect(RegistrySettings.load())
        with tracking.run(f"drift {drift.window.end:%Y-%m-%d %H:%M}", tags=tags) as run_id:
            tracking.log_metrics(run_id, {"current_rows": drift.current_rows, "drift_share": drift.drift_share})
            for file in files:
                tracking.log_file(run_id, file, to=ARTIFACTS)
    except RegistryError as error:
        get_run_logger().warning("the report is not in MLflow: %s", error)
        return None
    return run_id


@task(cache_policy=NO_CACHE)
def export(content: PageContent) -> Path:
    """For Prometheus; of a report on the past too, whose figures stand until the next one."""
    gauges = drift_gauges(content.verdict, content.signals, content.drift)
    return write_gauges(MonitoringSettings.load().reports, "drift", gauges=gauges, written_at=datetime.now(UTC))


@task(cache_policy=NO_CACHE)
def follow(version: ModelVersion, made: DriftReport, content: PageContent) -> None:
    """What the verdict calls for, and who is told."""
    react(
        made.verdict,
        reason=made.reason,
        signals=content.verdict.signals,
        tenants=content.verdict.tenants,
        moved=content.verdict.moved,
        version=version,
        model_version=content.version,
        window=content.drift.window,
        run_id=made.run_id,
        page=f"{ARTIFACTS}/{PAGE_FILE}" if made.html else None,
    )


@task(cache_policy=NO_CACHE)
def show(content: PageContent, files: ReportFiles) -> None:
    """In Prefect's pages and in Evidently's workspace; a workspace that fails takes nothing else with it."""
    create_markdown_artifact(told_in_markdown(content, files), key="drift-report", description=content.verdict.kind)
    settings = MonitoringSettings.load()
    if files.snapshot is None:
        return
    try:
        keep(
            files.snapshot,
            address=settings.workspace or str(settings.reports / "workspace"),
            name=f"{content.drift.window.end:%Y-%m-%d %H:%M} {content.verdict.kind}",
        )
    except OSError as error:
        get_run_logger().warning("Evidently's workspace has no run of this report: %s", error)


def serving_since(version: ModelVersion) -> datetime | None:
    """When a router began to serve it, or else when it was promoted; None where neither is on record."""
    recorded = version.served_at or version.promoted_at
    return datetime.fromisoformat(recorded) if recorded else None


def fetch_reference(tracking: Tracking, version: ModelVersion) -> Reference:
    """Raises `BundleError` where the version's run has none, `RegistryError` where MLflow fails."""
    with TemporaryDirectory() as scratch:
        file = tracking.download(version.run_id, REFERENCE_ARTIFACT, Path(scratch))
        if file is None:
            raise BundleError(f"model version {version.number} has no {REFERENCE_ARTIFACT}: expected it of its run")
        return read_reference(file)


def ended_changes(exclusions: Iterable[ExclusionWindow], window: Window) -> list[datetime]:
    return [found.end for found in exclusions if found.kind == "change" and found.end <= window.end]


def report(content: PageContent, files: ReportFiles, *, run_id: str | None) -> DriftReport:
    drift, verdict, heavy = content.drift, content.verdict, content.drift.signal(f"{HEAVY}_share")
    return DriftReport(
        verdict=verdict.kind,
        reason=verdict.reason,
        signals=tuple(dict.fromkeys(signal.name for signal in verdict.signals)),
        tenants=verdict.tenants,
        moved=tuple(dict.fromkeys(signal.name for signal in verdict.moved)),
        model_version=content.version,
        start=drift.window.start.isoformat(),
        end=drift.window.end.isoformat(),
        reference_rows=drift.reference_rows,
        current_rows=drift.current_rows,
        reference_heavy_share=heavy.reference if heavy else None,
        current_heavy_share=heavy.current if heavy else None,
        truth=truth_told(content.signals),
        drift_share=drift.drift_share,
        folder=str(files.summary.parent),
        html=str(files.page) if files.page else None,
        run_id=run_id,
    )


def truth_told(signals: Sequence[Signal]) -> str | None:
    """Of all tenants together, by the newest window."""
    told = [signal for signal in signals if signal.name == HEAVY_MISSES and signal.tenant is None]
    newest = max(told, key=lambda signal: signal.window.end, default=None)
    return newest.sentence if newest is not None and newest.current is not None else None


def main() -> None:
    parser = CommandParser(module="flows.report_drift", description=str(__doc__))
    parser.add_argument(
        "--as-of",
        metavar="ISO",
        default=NOW,
        help="end of the window, UTC unless it names a zone (default %(default)s)",
    )
    parser.add_argument(
        "--window", default=DEFAULT_WINDOW, help="length of a long window: 24h, 90m, 7d (default %(default)s)"
    )
    add_events(parser)
    parser.add_argument("--act", action="store_true", help="tell people, and do what the verdict calls for")
    parser.add_argument("--out", metavar="DIR", help="folder to write the report into (default: one below the reports)")
    run(parser, _command)


def _command(options: Namespace) -> DriftReport:
    window = read_window(options.as_of, options.window, now=datetime.now(UTC))  # before Prefect takes its seconds
    return report_drift_flow(window.end.isoformat(), options.window, options.events, options.out, act=options.act)


if __name__ == "__main__":
    main()
