"""The nightly report as gauges: the verdict, which signals speak, and how much moved."""

from collections.abc import Iterable, Iterator
from typing import Final, get_args

from monitoring.drift.signals import Drift
from monitoring.frame import NEAR_THRESHOLD
from monitoring.gauges import Gauge
from monitoring.policy import Verdict, VerdictKind
from monitoring.signals import Signal

ALL_TENANTS: Final = "all"


def drift_gauges(verdict: Verdict, signals: Iterable[Signal], drift: Drift) -> tuple[Gauge, ...]:
    """Every signal that was asked is told, 0 where it is quiet, so that one that was not asked is seen to be missing.

    What was not compared has no share.
    """
    return (*_verdict(verdict.kind), *_signals(signals, verdict.signals), *_shares(drift))


def _verdict(kind: VerdictKind) -> Iterator[Gauge]:
    for known in get_args(VerdictKind):
        yield Gauge("smart_routing_verdict", {"kind": known}, float(known == kind))


def _signals(signals: Iterable[Signal], spoken: Iterable[Signal]) -> Iterator[Gauge]:
    heard = {_key(signal) for signal in spoken}
    for key in sorted({_key(signal) for signal in signals} | heard):
        yield Gauge(
            "smart_routing_signal", dict(zip(("name", "tier", "tenant"), key, strict=True)), float(key in heard)
        )


def _shares(drift: Drift) -> Iterator[Gauge]:
    near = drift.signal(f"{NEAR_THRESHOLD}_share")
    if drift.compared:
        yield Gauge("smart_routing_drift_share", {}, drift.drift_share)
    if near is not None and near.current is not None:
        yield Gauge("smart_routing_near_threshold_share", {}, near.current)


def _key(signal: Signal) -> tuple[str, str, str]:
    return signal.name, signal.tier.value, signal.tenant or ALL_TENANTS
