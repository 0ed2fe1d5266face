"""Watch the version that has just begun to serve, and undo it where the statements that ran speak against it."""

from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.logging import get_run_logger

from flows.alerting import links, tell_people
from flows.arguments import whole
from flows.automatic_rollback import AUTOMATIC, WATCHER, Undoing, roll_back_from
from flows.command import CommandParser, run
from flows.logged import find_digest, read_logged, read_stored
from models.gate import read_gate
from models.registry import ModelRegistry
from models.versions import ModelVersion
from monitoring.alerts.alert import Alert, AlertKind, alert_of
from monitoring.signals import Signal
from monitoring.watch import Watched, WatchLimits, is_since, unheard_of, watch
from monitoring.window import Window
from smart_routing.decision_log import LoggedDecision
from smart_routing.errors import QueryLogError
from smart_routing.labels import LabelRule
from smart_routing.settings import RegistrySettings, WatchSettings

DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchReport:
    """What was seen; `undone` says what was done about it, empty where nothing speaks against the version."""

    version: int | None
    told: str
    signals: tuple[str, ...] = ()
    undone: str = ""

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    def __str__(self) -> str:
        return f"{self.told} {self.undone}".strip()


@flow(name="watch-version")
def watch_version_flow() -> WatchReport:
    """Look at all that was decided and has run since the version began to serve; roll back where that refutes it."""
    now = datetime.now(UTC)
    version = young_version(now)
    if version is None:
        return WatchReport(version=None, told="No version began to serve lately but by a rollback.")
    watched = read_watched(version, now)
    signals = judge(whole(watched))
    if not signals:
        return WatchReport(version=version.number, told=quiet(watched))
    reason = sentence(signals)
    undoing = roll_back_from(version.number, by=WATCHER, reason=reason)
    get_run_logger().warning("%s %s", reason, undoing.told)
    tell_people(alert_about(version, watched.window, signals, undoing))
    names = tuple(signal.name for signal in signals)
    return WatchReport(version=version.number, told=reason, signals=names, undone=undoing.told)


@task(cache_policy=NO_CACHE)
def young_version(now: datetime) -> ModelVersion | None:
    """The version that serves, if it began to within the watched hours.

    One that a rollback without a person brought back is left alone: where it fails too, the data changed, and version
    after version would be undone.
    """
    model = ModelRegistry.connect(RegistrySettings.load()).read()
    if model.recorded is None:
        return None
    version = model.version(model.recorded)
    began = _began(version)
    if version.promoted_by in AUTOMATIC:
        return None
    return version if began is not None and now - began <= WatchSettings.load().span else None


@task(cache_policy=NO_CACHE)
def read_watched(version: ModelVersion, now: datetime) -> Watched:
    window = Window(_began(version) or now, now)
    decisions, unlogged = read_decided(window.start - DAY)
    records, unread = read_stored(None, window.start, window)
    return Watched(
        version=version.number,
        window=window,
        before=[one for one in decisions if not is_since(one, version.number, window.start)],
        since=[one for one in decisions if is_since(one, version.number, window.start)],
        records=records,
        rule=version.label_rule or LabelRule(),
        digest=find_digest(),
        gaps=tuple(gap for gap in (unlogged, unread) if gap),
    )


def read_decided(since: datetime) -> tuple[list[LoggedDecision], str | None]:
    """Decisions at `since` or later; a log that cannot be read does not keep the rest from being judged."""
    try:
        logged, gap = read_logged(None, since)
    except QueryLogError as error:
        return [], f"the decision log cannot be read: {error}"
    return [decision for decision in logged if decision.time >= since], gap


@task(cache_policy=NO_CACHE)
def judge(watched: Watched) -> tuple[Signal, ...]:
    settings = WatchSettings.load()
    limits = WatchLimits(
        bound=read_gate().target_bound,
        miss_odds=settings.miss_odds,
        fewest_heavies=settings.fewest_heavies,
        error_rise=settings.error_rise,
    )
    return watch(watched, limits)


def alert_about(version: ModelVersion, window: Window, signals: tuple[Signal, ...], undoing: Undoing) -> Alert:
    return alert_of(
        AlertKind.ROLLBACK,
        reason=sentence(signals),
        signals=signals,
        tenants=(),
        model_version=f"version {version.number}",
        window=window,
        links=links(version=version.number, run_id=version.run_id),
        done=undoing.told,
        pending=undoing.deployment is None,
    )


def quiet(watched: Watched) -> str:
    gaps = [gap for gap in (*watched.gaps, unheard_of(watched)) if gap]
    known = f", of what is known: {'; '.join(gaps)}" if gaps else ""
    return f"Nothing speaks against version {watched.version}{known}."


def sentence(signals: tuple[Signal, ...]) -> str:
    told = "; ".join(signal.sentence for signal in signals)
    return f"{told[0].upper()}{told[1:]}."


def _began(version: ModelVersion) -> datetime | None:
    return datetime.fromisoformat(version.promoted_at) if version.promoted_at else None


def main() -> None:
    run(CommandParser(module="flows.watch_version", description=str(__doc__)), lambda _: watch_version_flow())


if __name__ == "__main__":
    main()
