"""`RoutingService`: a decision with all that surrounds it live; admission, deadline, metrics and the decision log."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from serving.metrics import Metrics
from serving.reload.tripwire import Tripwire
from smart_routing.decision_log import DecisionLog, DecisionRecorder
from smart_routing.request import Request
from smart_routing.rollout import Treatment
from smart_routing.router import Router
from smart_routing.routing import FALLBACKS, Reason, RoutingDecision
from smart_routing.stages import Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class Clocks:
    """Time of day (aware), and seconds that only ever grow."""

    now: Callable[[], datetime]
    monotonic: Callable[[], float]


@dataclass(frozen=True, slots=True)
class Recording:
    """Where decisions are written down, and how."""

    log: DecisionLog
    recorder: DecisionRecorder


@dataclass(frozen=True, slots=True)
class Tracking:
    """What the decision log needs beyond the decision: the key of a statement without a query id, and the mode."""

    decision_id: str | None = None
    mode: Treatment = Treatment.FULL


BY_QUERY_ID: Final = Tracking()

TURN_SECONDS: Final = 0.01
"""What waits unread in sockets waits unseen: with turns this short it is seen almost as soon as it comes."""


class RoutingService:
    """Lives in one event loop. A decision takes the loop for itself: it is shorter than handing it to a thread."""

    def __init__(
        self,
        router: Router,
        *,
        metrics: Metrics,
        clocks: Clocks,
        max_in_flight: int,
        max_wait_seconds: float,
        recording: Recording | None = None,
        tripwire: Tripwire | None = None,
    ) -> None:
        self.router = router
        self.metrics = metrics
        self.clocks = clocks
        self._max_in_flight = max_in_flight
        self._max_wait_seconds = max_wait_seconds
        self._recording = recording
        self._tripwire = tripwire
        self._in_flight = 0
        self._turn_began: float | None = None
        for reason in FALLBACKS:
            metrics.fallbacks.foresee(reason)

    async def decide(
        self, request: Request, *, deadline: float, pin: str | None = None, tracking: Tracking = BY_QUERY_ID
    ) -> RoutingDecision:
        """The decision, heavy where `deadline` (on the monotonic clock) passes, or it waited too long or with too many.

        Raises only `UnknownModelVersionError`.
        """
        if self._in_flight >= self._max_in_flight or await self._wait() > self._max_wait_seconds:
            decision = self.router.fall_back(Reason.OVERLOADED, pin=pin)
        else:
            decision = self._decide(request, deadline=deadline, pin=pin)
        self._record(request, decision, tracking)
        return decision

    async def _wait(self) -> float:
        """Seconds until the turn comes, first come, first served; more than the most that one may wait are over it."""
        arrived = now = self.clocks.monotonic()
        self._in_flight += 1
        try:
            while self._is_turn_over(now) and now - arrived <= self._max_wait_seconds:
                await asyncio.sleep(0)
                now = self.clocks.monotonic()
        finally:
            self._in_flight -= 1
        self.metrics.wait_seconds.observe(now - arrived)
        return now - arrived

    def _is_turn_over(self, now: float) -> bool:
        """Whether decisions have had the event loop for so long that it must look for what has arrived meanwhile."""
        if self._turn_began is None:
            self._turn_began = now
            asyncio.get_running_loop().call_soon(self._end_turn)
        return now - self._turn_began > TURN_SECONDS

    def _end_turn(self) -> None:
        self._turn_began = None

    def _decide(self, request: Request, *, deadline: float, pin: str | None) -> RoutingDecision:
        monotonic, stages = self.clocks.monotonic, self.metrics.stage_seconds
        started = last = monotonic()

        def ended(stage: Stage) -> None:
            nonlocal last
            now = monotonic()
            stages[stage].observe(now - last)
            last = now

        decision = self.router.decide(request, pin=pin, out_of_time=lambda: monotonic() >= deadline, stage_ended=ended)
        self.metrics.decide_seconds.observe(monotonic() - started)
        return decision

    def _record(self, request: Request, decision: RoutingDecision, tracking: Tracking) -> None:
        metrics = self.metrics
        metrics.decisions.count(decision.weight, decision.reason, decision.model_version or "none")
        if self._tripwire is not None:
            self._tripwire.note(decision)
        if decision.heavy_probability is not None:
            metrics.heavy_probability.observe(decision.heavy_probability)
        if decision.reason in FALLBACKS:
            metrics.fallbacks.count(decision.reason)
        if self._recording is not None:
            row = self._recording.recorder.row(
                request, decision, now=self.clocks.now(), decision_id=tracking.decision_id, mode=tracking.mode
            )
            self._recording.log.append(row)
