"""What a model takes: the time of a decision, and room."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles
from typing import Final

from smart_routing.bundle import CONTENT, MANIFEST
from smart_routing.history.measures import HistorySource
from smart_routing.inference import Model
from smart_routing.request import Request
from smart_routing.router import Router

STATEMENTS: Final = 300
ROUNDS: Final = 5

Clock = Callable[[], float]
"""Seconds since some moment: `time.thread_time`, or what a test says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Footprint:
    """`decision_p99_ms`: the 99th percentile of a decision in process, in milliseconds of the thread's CPU.

    A decision waits for nothing, so that is how long it takes on a free core, whatever else the machine is busy with.
    """

    decision_p99_ms: float
    bundle_bytes: int


def decision_p99_ms(model: Model, requests: Sequence[Request], *, history: HistorySource, clock: Clock) -> float:
    """The 99th percentile, over at least two requests, of what `Router.decide` takes.

    At most `STATEMENTS` of them, evenly spread, are decided one after the other, once to warm up and then in `ROUNDS`
    rounds. The median of its rounds counts for a request: a collection of garbage in one of them does not.
    """
    router = Router(model=model, history=history)
    asked = requests[:: -(-len(requests) // STATEMENTS)]
    _round(router, asked, clock)
    rounds = [_round(router, asked, clock) for _ in range(ROUNDS)]
    usual = [median(took) for took in zip(*rounds, strict=True)]
    return float(quantiles(usual, n=100, method="inclusive")[-1])


def bundle_bytes(folder: Path) -> int:
    """Bytes of the bundle's files in a folder, the manifest among them."""
    return sum((folder / name).stat().st_size for name in (*CONTENT, MANIFEST))


def _round(router: Router, requests: Sequence[Request], clock: Clock) -> list[float]:
    """Milliseconds of each decision."""
    took = []
    for request in requests:
        begun = clock()
        router.decide(request)
        took.append((clock() - begun) * 1000)
    return took
