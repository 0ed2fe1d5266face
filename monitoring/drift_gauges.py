"""The figures of a drift report as gauges."""

from collections.abc import Iterator, Sequence
from typing import get_args

from monitoring.drift.signals import Drift
from monitoring.frame import NEAR_THRESHOLD
from monitoring.gauges import Gauge
from monitoring.policy import Verdict, VerdictKind
from monitoring.signals import Signal


def drift_gauges(drift: Drift, signals: Sequence[Signal], verdict: Verdict) -> Iterator[Gauge]:
    """The verdict, what speaks of what was asked, the share of the gain that moved and the share near the threshold."""
    for kind in get_args(VerdictKind):
        yield Gauge("smart_routing_verdict", {"kind": kind}, float(kind == verdict.kind))
    spoken = {_series(signal) for signal in verdict.signals}
    for series in sorted({_series(signal) for signal in signals}):
        name, tier, tenant = series
        labels = {"name": name, "tier": tier, "tenant": tenant}
        yield Gauge("smart_routing_signal", labels, float(series in spoken))
    yield Gauge("smart_routing_drift_share", {}, drift.drift_share)
    near = drift.signal(f"{NEAR_THRESHOLD}_share")
    if near is not None and near.current is not None:
        yield Gauge("smart_routing_near_threshold_share", {}, near.current)


def _series(signal: Signal) -> tuple[str, str, str]:
    return signal.name, str(signal.tier), signal.tenant or ""
