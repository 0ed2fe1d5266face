"""`LatencyGate`: a version that would make decisions slow is refused before it makes one."""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median, quantiles
from typing import Final

from smart_routing.errors import BundleError
from smart_routing.inference import Model, golden_request
from smart_routing.request import Request
from smart_routing.router import Router

FEWEST_ROUNDS: Final = 3
MOST_ROUNDS: Final = 12
MOST_ROWS: Final = 10


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds that one decision takes."""

    median: float
    p99: float

    @classmethod
    def of(cls, best: list[float]) -> "Pace":
        """Of the best time of each statement."""
        return cls(median(best), quantiles(best, n=100, method="inclusive")[-1] if len(best) > 1 else best[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencyGate:
    """Times the golden rows of a version and of the one in force in turn, and compares the best time of each row.

    The p99 may take `most_seconds`, and median and p99 `most_slowdown` times what the version in force takes. `clock`
    is best the CPU time of the thread: what other threads and processes take does not count then. A version is let in
    as soon as it is within the limits after a few rounds, and refused only after all of them. `pause` comes after each
    decision that is timed, so that those of users get the interpreter in between, where there is a version in force.
    """

    most_seconds: float
    most_slowdown: float
    clock: Callable[[], float]
    pause: Callable[[], None]

    def check(self, candidate: Model, in_force: Model | None) -> None:
        """Raises `BundleError` for a version that is too slow. Neither model may be deciding meanwhile."""
        rows = candidate.bundle.golden
        requests = [golden_request(row) for row in rows[:: -(-len(rows) // MOST_ROWS)]]
        ours = _Timed(candidate, len(requests))
        theirs = _Timed(in_force, len(requests)) if in_force is not None else None
        for number in range(1, MOST_ROUNDS + 1):
            self._round(requests, [ours, theirs] if theirs else [ours])
            reason = self._complaint(ours.pace, theirs.pace if theirs else None)
            if reason is None and number >= FEWEST_ROUNDS:
                return
        if reason is not None:
            raise BundleError(f"version {candidate.version} is too slow: {reason}")

    def _round(self, requests: list[Request], timed: "list[_Timed]") -> None:
        for place, request in enumerate(requests):
            for one in timed:
                began = self.clock()
                one.router.decide(request)
                one.best[place] = min(one.best[place], self.clock() - began)
                if len(timed) > 1:
                    self.pause()

    def _complaint(self, ours: Pace, theirs: Pace | None) -> str | None:
        if ours.p99 > self.most_seconds:
            return f"p99 of a decision is {1000 * ours.p99:.2f} ms: expected {1000 * self.most_seconds:g} ms at most"
        if theirs is None:
            return None
        for name, mine, other in (("median", ours.median, theirs.median), ("p99", ours.p99, theirs.p99)):
            if mine > self.most_slowdown * other:
                times = f"{1000 * mine:.2f} ms, {mine / other:.1f} times that of the version in force"
                return f"{name} of a decision is {times}: expected {self.most_slowdown:g} at most"
        return None


class _Timed:
    def __init__(self, model: Model, rows: int) -> None:
        self.router = Router(model=model, keep_vectors=False)
        self.best = [float("inf")] * rows

    @property
    def pace(self) -> Pace:
        return Pace.of(self.best)
