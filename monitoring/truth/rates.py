"""`Rates`: how often live decisions were wrong, with intervals and with the share of decisions that this rests on."""

import math
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from monitoring.truth.outcomes import JOINED, Fate, Followed, Outcome
from smart_routing.labels import QueryWeight
from smart_routing.routing import Reason
from smart_routing.statistics import interval, share_interval

LEAST_HEAVY: Final = 30
"""Rows; figures of a part with fewer are told, and not judged by."""
MOST_NAMES: Final = 20
"""The names of one kind with most decisions stand alone; the rest is one part."""
ALL: Final = "all"
OTHERS: Final = "(others)"
NOT_KNOWN: Final = "(not known)"


class Decided(StrEnum):
    """Which decisions: those of the model, or all of read statements after the whole chain."""

    MODEL = "model"
    ROUTED = "routed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """A share with its 95% interval; NaN of no rows."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return "-" if math.isnan(self.value) else f"{self.value:.1%} [{self.low:.1%}, {self.high:.1%}]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """The figures of one part: decisions of one kind whose `way` (tenant, source, ...) is `name`.

    `decisions` have been logged, `joined` of them have an event, `pending` are too young to be missed; the others'
    errors are unknown. `unit` counts the first heavy row of each template x schema x day, as certificates do.
    """

    decided: Decided
    way: str
    name: str
    decisions: int
    joined: int
    pending: int
    heavy: int
    missed: int
    heavy_units: int
    missed_units: int
    light: int
    alarmed: int
    false_negative_rate: Rate
    unit_false_negative_rate: Rate
    cpu_weighted_false_negative_rate: float
    false_positive_rate: Rate

    @property
    def coverage(self) -> float:
        """Joined decisions of all; NaN of none."""
        return self.joined / self.decisions if self.decisions else math.nan

    @property
    def is_judged(self) -> bool:
        return self.heavy >= LEAST_HEAVY

    def as_json(self) -> dict[str, Any]:
        """With None for every number that is undefined, as JSON has no NaN."""
        told = {**asdict(self), "coverage": self.coverage, "is_judged": self.is_judged}
        return {name: _defined(value) for name, value in told.items()}


def _defined(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _defined(found) for name, found in value.items()}
    return None if isinstance(value, float) and math.isnan(value) else value


def rates(followed: Sequence[Followed], *, seen: Collection[str] | None) -> tuple[Rates, ...]:
    """The figures of all decisions and of every part.

    `seen` are the templates that the version was made from; where they are not known, no part is cut by them.
    """
    return tuple(
        _rates(part, decided, way=way, name=name)
        for decided in Decided
        for way, names in _ways(seen).items()
        for name, part in _parts(_decided(followed, decided), names).items()
    )


def units_of(followed: Sequence[Followed]) -> tuple[Followed, ...]:
    """The first heavy read of each template x schema x day: repeats are one piece of evidence, not many."""
    first: dict[str, Followed] = {}
    for one in followed:
        if one.outcome is not None and one.outcome.is_read and one.outcome.heavy:
            first.setdefault(one.outcome.unit, one)
    return tuple(first.values())


def is_missed(one: Followed) -> bool:
    """A heavy statement that was called light."""
    return one.outcome is not None and one.outcome.heavy and one.decision.decision is QueryWeight.LIGHT


def is_false_alarm(one: Followed) -> bool:
    """A light statement that was called heavy."""
    return one.outcome is not None and not one.outcome.heavy and one.decision.decision is QueryWeight.HEAVY


def tenant_of(one: Followed) -> str:
    """Catalog.schema; routers of older versions did not log it."""
    return one.decision.tenant or (one.outcome.tenant if one.outcome else NOT_KNOWN)


def _decided(followed: Sequence[Followed], decided: Decided) -> list[Followed]:
    return [one for one in followed if decided is Decided.ROUTED or one.decision.reason is Reason.MODEL]


def _ways(seen: Collection[str] | None) -> Mapping[str, Callable[[Followed], str]]:
    ways: dict[str, Callable[[Followed], str]] = {
        ALL: lambda _: ALL,
        "tenant": tenant_of,
        "source": lambda one: one.decision.source or "(none)",
        "kind": lambda one: one.outcome.kind if one.outcome else NOT_KNOWN,
    }
    return ways if seen is None else {**ways, "template": lambda one: _seen(one.decision.template, seen)}


def _seen(template: str | None, seen: Collection[str]) -> str:
    if template is None:
        return NOT_KNOWN
    return "seen" if template in seen else "unseen"


def _parts(followed: Sequence[Followed], name: Callable[[Followed], str]) -> dict[str, list[Followed]]:
    names = [name(one) for one in followed]
    known = {name for name, _ in Counter(names).most_common(MOST_NAMES)}
    parts: dict[str, list[Followed]] = {}
    for one, found in zip(followed, names, strict=True):
        parts.setdefault(found if found in known else OTHERS, []).append(one)
    return dict(sorted(parts.items()))


def _rates(part: Sequence[Followed], decided: Decided, *, way: str, name: str) -> Rates:
    reads = [(one, one.outcome) for one in part if one.outcome is not None and one.outcome.is_read]
    heavy = [one for one, outcome in reads if outcome.heavy]
    light = [one for one, outcome in reads if not outcome.heavy]
    units = units_of(heavy)
    misses, unit_misses = _hits(heavy, is_missed), _hits(units, is_missed)
    alarms = _hits(light, is_false_alarm)
    fates = Counter(one.fate for one in part)
    return Rates(
        decided=decided,
        way=way,
        name=name,
        decisions=len(part),
        joined=sum(fates[fate] for fate in JOINED),
        pending=fates[Fate.PENDING],
        heavy=len(heavy),
        missed=int(misses.sum()),
        heavy_units=len(units),
        missed_units=int(unit_misses.sum()),
        light=len(light),
        alarmed=int(alarms.sum()),
        false_negative_rate=_rate(heavy, misses),
        unit_false_negative_rate=_rate(units, unit_misses),
        cpu_weighted_false_negative_rate=_cpu_share(heavy, misses),
        false_positive_rate=_rate(light, alarms),
    )


def _hits(rows: Sequence[Followed], is_hit: Callable[[Followed], bool]) -> NDArray[np.bool_]:
    return np.fromiter(map(is_hit, rows), np.bool_, len(rows))


def _rate(rows: Sequence[Followed], hits: NDArray[np.bool_]) -> Rate:
    """A share, its interval over whole templates; exact binomial where rows are few, and where all or none are hit."""
    if not len(hits):
        return Rate(value=math.nan, low=math.nan, high=math.nan)
    low, high = _interval(hits, np.array([outcome.template for outcome in _outcomes(rows)]))
    return Rate(value=float(hits.mean()), low=low, high=high)


def _interval(hits: NDArray[np.bool_], templates: NDArray[np.str_]) -> tuple[float, float]:
    if hits.all() or not hits.any():
        groups = len(np.unique(templates))
        return interval(groups if hits.all() else 0, groups)
    if len(hits) < LEAST_HEAVY:
        return interval(int(hits.sum()), len(hits))
    return share_interval(templates, hits)


def _cpu_share(rows: Sequence[Followed], hits: NDArray[np.bool_]) -> float:
    """The CPU of the rows that are hit as a share of that of all."""
    cpu = np.array([outcome.cpu_seconds for outcome in _outcomes(rows)])
    return float(cpu[hits].sum() / cpu.sum()) if cpu.sum() else math.nan


def _outcomes(rows: Sequence[Followed]) -> Iterator[Outcome]:
    return (one.outcome for one in rows if one.outcome is not None)
