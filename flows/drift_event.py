"""The event that a verdict is: Prefect's automations listen to it (prefect.yaml)."""

from collections.abc import Iterable
from typing import Final
from uuid import NAMESPACE_URL, uuid5

from prefect.events import emit_event

from monitoring.window import Window
from smart_routing import protocol

EVENT: Final = "smart-routing.drift.detected"
RESOURCE: Final = f"smart-routing.model.{protocol.REGISTERED_MODEL}"
VERDICT_LABEL: Final = "smart-routing.verdict"
MOST_NAMES: Final = 50


def announce_verdict(
    verdict: str,
    *,
    reason: str,
    signals: Iterable[str],
    tenants: Iterable[str],
    model_version: str,
    window: Window,
) -> None:
    """Emit a verdict on a window; the same one again is the same event, which starts nothing twice.

    Nothing happens without a Prefect server, and a server that fails is Prefect's own to log.
    """
    names, whose = sorted(set(signals)), sorted(set(tenants))[:MOST_NAMES]
    identity = f"{EVENT} {verdict} {model_version} {window.end.isoformat()} {names} {whose}"
    emit_event(
        EVENT,
        resource={
            "prefect.resource.id": RESOURCE,
            "prefect.resource.name": protocol.REGISTERED_MODEL,
            VERDICT_LABEL: verdict,
        },
        payload={
            "verdict": verdict,
            "reason": reason,
            "signals": names,
            "tenants": whose,
            "model_version": model_version,
            "window_end": window.end.isoformat(),
        },
        id=uuid5(NAMESPACE_URL, identity),
    )
