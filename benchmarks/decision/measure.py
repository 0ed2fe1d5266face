"""Alternating rounds of contestants over the same requests, timed by the decision."""

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from benchmarks.decision.trained import Trained
from serving.process.garbage import IdleCollection
from smart_routing.request import Request
from smart_routing.router import Router
from smart_routing.stages import Stage

WARM_UP: Final = 200
FACTS_BYTES: Final = 2**30

Decide = Callable[[Request], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Of one contestant: decisions a second of CPU time, by round; milliseconds of wall time, the median of rounds."""

    name: str
    rates: tuple[float, ...]
    p50: float
    p99: float
    p999: float


@dataclass(frozen=True, slots=True, kw_only=True)
class StageTiming:
    """Microseconds of wall time that a stage took where it was reached, and over all decisions on average."""

    stage: Stage
    reached: int
    p50: float
    p99: float
    mean_of_all: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One set of statements."""

    statements: str
    decisions: int
    timings: tuple[Timing, ...]
    stages: tuple[StageTiming, ...]


def measure(statements: str, requests: Sequence[Request], trained: Trained, *, rounds: int) -> Measured:
    """Each contestant decides every request once a round; the collector rests, as it does in a worker."""
    contestants = _contestants(requests, trained)
    for decide in contestants.values():
        for request in requests[:WARM_UP]:
            decide(request)
    collection = IdleCollection(lambda: 0)
    collection.start()
    try:
        found = [{name: _round(decide, requests) for name, decide in contestants.items()} for _ in range(rounds)]
        stages = _stages(requests, Router(model=trained.model, history=trained.history))
    finally:
        collection.stop()
    timings = tuple(_timing(name, [one[name] for one in found]) for name in contestants)
    return Measured(statements=statements, decisions=len(requests), timings=timings, stages=stages)


def _contestants(requests: Sequence[Request], trained: Trained) -> dict[str, Decide]:
    """`facts kept` is what a worker is after a swap of its model or history, `cached` when asked the same again."""
    cold, kept, cached = (
        Router(model=trained.model, history=trained.history, cache_entries=entries, facts_cache_bytes=size)
        for entries, size in ((0, 0), (0, FACTS_BYTES), (len(requests), 0))
    )
    for request in requests:
        kept.decide(request)
        cached.decide(request)
    return {
        "router, nothing kept": cold.decide,
        "router, facts kept": kept.decide,
        "router, cached": cached.decide,
        "TF-IDF + XGBoost, text alone": trained.text_model,
    }


@dataclass(frozen=True, slots=True)
class _Round:
    rate: float
    seconds: list[float]


def _round(decide: Decide, requests: Sequence[Request]) -> _Round:
    clock, seconds, began = time.perf_counter, [], time.thread_time()
    for request in requests:
        asked = clock()
        decide(request)
        seconds.append(clock() - asked)
    return _Round(len(requests) / (time.thread_time() - began), seconds)


def _timing(name: str, rounds: Sequence[_Round]) -> Timing:
    parts = np.median([np.percentile(one.seconds, (50, 99, 99.9)) * 1e3 for one in rounds], axis=0)
    p50, p99, p999 = (float(part) for part in parts)
    return Timing(name=name, rates=tuple(one.rate for one in rounds), p50=p50, p99=p99, p999=p999)


class _StageClock:
    """Told of the end of each stage, it notes how long that took."""

    def __init__(self) -> None:
        self.microseconds: defaultdict[Stage, list[float]] = defaultdict(list)
        self.since = 0.0

    def __call__(self, stage: Stage) -> None:
        now = time.perf_counter()
        self.microseconds[stage].append((now - self.since) * 1e6)
        self.since = now


def _stages(requests: Sequence[Request], router: Router) -> tuple[StageTiming, ...]:
    watch = _StageClock()
    for request in requests:
        watch.since = time.perf_counter()
        router.decide(request, stage_ended=watch)
    return tuple(
        StageTiming(
            stage=stage,
            reached=len(taken),
            p50=float(np.percentile(taken, 50)),
            p99=float(np.percentile(taken, 99)),
            mean_of_all=sum(taken) / len(requests),
        )
        for stage in Stage
        if (taken := watch.microseconds[stage])
    )
