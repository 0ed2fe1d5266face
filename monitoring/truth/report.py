"""`TruthReport`: the figures of one window for people, for programs and, as gauges, for Prometheus."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from monitoring.gauges import Gauge
from monitoring.signals import Signal
from monitoring.skew import Skew
from monitoring.truth.join import Joined
from monitoring.truth.outcomes import JOINED, Followed
from monitoring.truth.rates import ALL, Rates
from monitoring.window import Window

FAR_APART_SECONDS: Final = 60.0
"""Between the clocks of routers and clusters; from here on digests find little."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TruthReport:
    """The rates of the version's decisions in a window, what follows from them, and `unknown`: what they leave out."""

    model_version: str
    window: Window
    rates: tuple[Rates, ...]
    skew: Skew
    signals: tuple[Signal, ...]
    unknown: tuple[str, ...]

    @property
    def gauges(self) -> tuple[Gauge, ...]:
        """What is undefined (no heavy statement, no decision) has no gauge."""
        told = [gauge for one in self.rates if one.way in {ALL, "tenant"} for gauge in self._gauges(one)]
        if self.skew.vectors:
            told.append(Gauge("smart_routing_feature_skew", {"model_version": self.model_version}, self.skew.distance))
        return tuple(gauge for gauge in told if not math.isnan(gauge.value))

    @property
    def metrics(self) -> dict[str, float]:
        """The figures of all decisions, as MLflow takes them."""
        told = {
            f"{one.decided}_{name}": value
            for one in self.rates
            if one.way == ALL
            for name, value in (
                ("decisions", float(one.decisions)),
                ("heavy", float(one.heavy)),
                ("fnr", one.false_negative_rate.value),
                ("fpr", one.false_positive_rate.value),
                ("coverage", one.coverage),
            )
        }
        return {name: value for name, value in told.items() if not math.isnan(value)}

    def _gauges(self, one: Rates) -> Iterator[Gauge]:
        labels = {"view": str(one.decided), "tenant": one.name, "model_version": self.model_version}
        yield Gauge("smart_routing_live_fnr", labels, one.false_negative_rate.value)
        yield Gauge("smart_routing_live_fpr", labels, one.false_positive_rate.value)
        yield Gauge("smart_routing_live_cpu_weighted_fnr", labels, one.cpu_weighted_false_negative_rate)
        yield Gauge("smart_routing_label_coverage", labels, one.coverage)

    def as_json(self) -> dict[str, Any]:
        return {
            "model_version": self.model_version,
            "window": {"start": self.window.start.isoformat(), "end": self.window.end.isoformat()},
            "gauges": msgspec.to_builtins(self.gauges),
            "skew": self.skew.as_json(),
            "rates": [one.as_json() for one in self.rates],
            "signals": [one.as_json() for one in self.signals],
            "unknown": list(self.unknown),
        }

    def __str__(self) -> str:
        told = [_line(one) for one in self.rates if one.way in {ALL, "tenant"}]
        missing = [f"not known: {sentence}" for sentence in self.unknown]
        return "\n".join((f"{self.model_version}, {self.window}", *(told or ["no decisions"]), *missing))


def unknowns(joined: Joined, followed: Sequence[Followed], *, has_key: bool) -> Iterator[str]:
    """What the join could not find out, in sentences."""
    without_id = [one for one in joined.unjoined if one.query_id is None]
    if without_id and not has_key:
        yield f"{len(without_id)} decisions have no query id, and their statements' digests need the routers' user key"
    offset = joined.clock_offset_seconds
    if offset is not None and abs(offset) >= FAR_APART_SECONDS:
        yield f"the clusters' clocks are {offset:+.0f} s from the routers', so digests cannot be matched"
    lost = sum(one.fate not in JOINED for one in followed)
    if lost:
        yield f"{lost} of {len(followed)} decisions have no event yet and count as neither right nor wrong"


def _line(one: Rates) -> str:
    name = one.decided if one.way == ALL else f"{one.decided} {one.name}"
    few = "" if one.is_judged else " (too few to judge)"
    return (
        f"{name}: FNR {one.false_negative_rate} of {one.heavy} heavy{few}, by template-schema-day "
        f"{one.unit_false_negative_rate}, by CPU {_percent(one.cpu_weighted_false_negative_rate)}; "
        f"FPR {one.false_positive_rate} of {one.light} light; coverage {_percent(one.coverage)} of {one.decisions}"
    )


def _percent(share: float) -> str:
    return "-" if math.isnan(share) else f"{share:.1%}"
