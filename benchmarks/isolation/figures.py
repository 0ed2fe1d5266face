"""A pair of legs in figures, and what several pairs say together."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, t

from benchmarks.workload.driver import Drive, Outcome
from benchmarks.workload.placement import LARGE, SMALL, WRITERS
from benchmarks.workload.sink import Event
from benchmarks.workload.truth import weight
from smart_routing.labels import SIZE_ERROR_CODES, LabelRule, QueryWeight
from smart_routing.statistics import bootstrap_interval

READ: Final = "SELECT"
"""Trino's type of the reads among the statements of users who write."""

DRAWS: Final = 2000
CONFIDENCE: Final = 0.95
FEWEST_PAIRS: Final = 5
"""For an interval: the bootstrap never leaves the range of the pairs, and that of fewer is too narrow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """Numbers of a schedule's statements by what they are. Writes count as heavy, as routing policy has it."""

    light: frozenset[int]
    heavy: frozenset[int]


def truth(drive: Drive, events: Mapping[str, Event], rule: LabelRule) -> Truth:
    """By the events of the round-robin leg. What was cancelled on purpose or failed otherwise is neither."""
    weights = {
        outcome.statement.number: _weight(outcome, events, rule)
        for outcome in drive.outcomes
        if outcome.statement.cancel_after is None
    }
    return Truth(
        light=frozenset(number for number, found in weights.items() if found is QueryWeight.LIGHT),
        heavy=frozenset(number for number, found in weights.items() if found is QueryWeight.HEAVY),
    )


def _weight(outcome: Outcome, events: Mapping[str, Event], rule: LabelRule) -> QueryWeight | None:
    event = events.get(outcome.attempts[-1].token)
    reads = outcome.statement.role not in WRITERS or (event is not None and event.record.query_type == READ)
    if outcome.error is None and not reads:
        return QueryWeight.HEAVY
    return weight(outcome, events, rule)


@dataclass(frozen=True, slots=True, kw_only=True)
class LegFigures:
    """One leg. Latencies in seconds from a statement's arrival, reruns included, of the light and of the heavy.

    `makespan` is from the first heavy arrival to the last heavy end. A statement that was cut off at the end counts
    with the time that it had until then. `failures` and `unfinished` are of all statements, judged or not: those that
    did not end well in the round-robin leg are mostly not judged, and would be missing from its figures alone.
    """

    light: tuple[float, ...]
    heavy: tuple[float, ...]
    makespan: float
    size_failures: int
    reruns: int
    failures: int
    unfinished: int
    on_small: int
    light_on_large: int
    heavy_on_small: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Both legs of one schedule; their order alternates."""

    seed: int
    statements: int
    routed_first: bool
    round_robin: LegFigures
    routed: LegFigures

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def leg_figures(drive: Drive, known: Truth, arrivals: Mapping[int, float]) -> LegFigures:
    """A leg by the truth of its pair; `arrivals` are the planned seconds of all statements by number."""
    outcomes = {outcome.statement.number: outcome for outcome in drive.outcomes}
    latency = {
        number: outcomes[number].latency if number in outcomes else drive.seconds - at
        for number, at in arrivals.items()
    }
    heavy = sorted(known.heavy)
    attempts = [attempt for outcome in drive.outcomes for attempt in outcome.attempts]
    first = {number: outcome.attempts[0].cluster for number, outcome in outcomes.items()}
    return LegFigures(
        light=tuple(latency[number] for number in sorted(known.light)),
        heavy=tuple(latency[number] for number in heavy),
        makespan=_span((arrivals[number], arrivals[number] + latency[number]) for number in heavy),
        size_failures=sum(attempt.error in SIZE_ERROR_CODES for attempt in attempts),
        reruns=len(attempts) - len(outcomes),
        failures=sum(one.error is not None and one.statement.cancel_after is None for one in drive.outcomes),
        unfinished=drive.unfinished,
        on_small=sum(cluster == SMALL for cluster in first.values()),
        light_on_large=sum(first.get(number) == LARGE for number in known.light),
        heavy_on_small=sum(first.get(number) == SMALL for number in known.heavy),
    )


def _span(intervals: Iterable[tuple[float, float]]) -> float:
    edges = list(intervals)
    return max(end for _, end in edges) - min(begin for begin, _ in edges) if edges else math.nan


@dataclass(frozen=True, slots=True)
class Metric:
    """A figure of some legs of the same kind, pooled."""

    title: str
    unit: str
    of: Callable[[Sequence[LegFigures]], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A metric in both arrangements with routed minus round-robin, and its 95% interval over pairs."""

    title: str
    unit: str
    round_robin: float
    routed: float
    difference: float
    low: float
    high: float

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def light_quantile(share: float) -> Callable[[Sequence[LegFigures]], float]:
    return lambda legs: _quantile([latency for leg in legs for latency in leg.light], share)


def heavy_quantile(share: float) -> Callable[[Sequence[LegFigures]], float]:
    return lambda legs: _quantile([latency for leg in legs for latency in leg.heavy], share)


def _quantile(latencies: Sequence[float], share: float) -> float:
    return float(np.quantile(latencies, share)) if latencies else math.nan


def mean_of(name: str) -> Callable[[Sequence[LegFigures]], float]:
    return lambda legs: float(np.mean([getattr(leg, name) for leg in legs]))


METRICS: Final = (
    Metric("light statements, P50", "s", light_quantile(0.5)),
    Metric("light statements, P90", "s", light_quantile(0.9)),
    Metric("light statements, P99", "s", light_quantile(0.99)),
    Metric("heavy statements, P50", "s", heavy_quantile(0.5)),
    Metric("heavy statements, P90", "s", heavy_quantile(0.9)),
    Metric("heavy statements, makespan", "s", mean_of("makespan")),
    Metric("killed for size, a leg", "", mean_of("size_failures")),
    Metric("run again after that, a leg", "", mean_of("reruns")),
    Metric("failed in the end, mistakes included, a leg", "", mean_of("failures")),
    Metric("cut off at the end, a leg", "", mean_of("unfinished")),
)


def compare(pairs: Sequence[Pair], metric: Metric, *, seed: int) -> Comparison:
    """Quantiles are of all legs' statements together; the bootstrap draws whole pairs.

    NaN limits for fewer than `FEWEST_PAIRS`.
    """

    def difference(rows: NDArray[np.intp]) -> float:
        drawn = [pairs[row] for row in rows]
        return metric.of([pair.routed for pair in drawn]) - metric.of([pair.round_robin for pair in drawn])

    everything = np.arange(len(pairs))
    names = [str(number) for number in range(len(pairs))]
    low, high = math.nan, math.nan
    if len(pairs) >= FEWEST_PAIRS:
        confidence = expanded_confidence(len(pairs))
        low, high = bootstrap_interval(names, difference, draws=DRAWS, seed=seed, confidence=confidence)
    return Comparison(
        title=metric.title,
        unit=metric.unit,
        round_robin=metric.of([pair.round_robin for pair in pairs]),
        routed=metric.of([pair.routed for pair in pairs]),
        difference=difference(everything),
        low=low,
        high=high,
    )


def expanded_confidence(pairs: int) -> float:
    """What to ask of a percentile bootstrap over so few pairs, at least 2, for it to cover about `CONFIDENCE`.

    The expanded percentile interval (Hesterberg, What Teachers Should Know About the Bootstrap, The American
    Statistician 69(4), 2015): as wide as Student's t and the unbiased variance would have it. Five normal values are
    covered in 92% of cases, where the plain interval covers 83%.
    """
    student = float(t.ppf((1 + CONFIDENCE) / 2, pairs - 1))
    return float(1 - 2 * norm.cdf(-math.sqrt(pairs / (pairs - 1)) * student))
