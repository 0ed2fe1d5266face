"""What follows a verdict by itself: a rollback, people told, and the event that starts a training."""

from collections.abc import Iterable
from typing import Final

from flows.alerting import links, tell_people
from flows.automatic_rollback import NIGHT, roll_back_from
from flows.drift_event import announce_verdict
from models.versions import ModelVersion
from monitoring.alerts.alert import AlertKind, alert_of
from monitoring.signals import Signal
from monitoring.window import Window

_NOTHING: Final = frozenset({"none", "no data"})
_TRAINS: Final = "A training was asked for; promoting what it makes is yours."


def react(
    verdict: str,
    *,
    reason: str,
    signals: Iterable[Signal],
    tenants: Iterable[str],
    version: ModelVersion,
    model_version: str,
    window: Window,
    run_id: str | None,
    page: str | None = None,
    moved: Iterable[Signal] | None = None,
) -> None:
    """Act on a verdict about `version`, which routers call `model_version`; `page` is the report among the run's files.

    Raises `ValueError` for a verdict that is none of alert, retrain and rollback, none and no data.
    """
    if verdict in _NOTHING:
        return
    kind, spoke, whose = AlertKind(verdict), tuple(signals), tuple(tenants)
    done, pending = _TRAINS if kind == AlertKind.RETRAIN else "", False
    if kind == AlertKind.ROLLBACK:
        undoing = roll_back_from(version.number, by=NIGHT, reason=reason)
        done, pending = undoing.told, undoing.deployment is None
    alert = alert_of(
        kind,
        reason=reason,
        signals=spoke,
        tenants=whose,
        model_version=model_version,
        window=window,
        moved=moved,
        links=links(version=version.number, run_id=run_id, page=page),
        done=done,
        pending=pending,
    )
    tell_people(alert)
    announce_verdict(
        kind, reason=reason, signals=alert.signals, tenants=whose, model_version=model_version, window=window
    )
