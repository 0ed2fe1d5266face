"""`Tripwire`: looks at the decisions after a swap beside those before it, and undoes a swap that moved them too far."""

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

import msgspec

from serving.reload.shift import Shift, Strata
from smart_routing.labels import QueryWeight
from smart_routing.logs import log_event
from smart_routing.routing import Reason, RoutingDecision

_log = logging.getLogger(__name__)

LOOK_SECONDS: Final = 0.25
MOST_NOTED: Final = 4096
"""Decisions that may come between two looks; of more, the last are judged."""
MOST_BEFORE: Final = 2048
"""Decisions before a swap that those after it are compared with."""
LAST_WINDOW: Final = 20
"""A swap that has not tripped in so many windows is no longer watched."""
IN_A_ROW: Final = 3
"""Windows that must agree: a machine that stalls for less than one touches no more than two."""
DEVIATIONS: Final = 4.0
"""Fewer than one in 30,000 windows are so far off by chance."""
FEWEST_EVENTS: Final = 10
"""Below this the normal approximation behind `DEVIATIONS` is too kind."""
FAILURES: Final = frozenset({Reason.MODEL_ERROR, Reason.DEADLINE})


class Subject(StrEnum):
    """What was swapped."""

    MODEL = "model"
    HISTORY = "history"


@dataclass(frozen=True, slots=True, kw_only=True)
class TripLimits:
    """What a swap may do to the decisions, and how many are judged together.

    `heavy_rise` and `error_rise` are differences of shares, `heavy_fall` the part of the heavy decisions that may get
    lost; a window has at least `decisions` and lasts at least `seconds`, and as many have to be before the swap.
    """

    heavy_rise: float
    heavy_fall: float
    error_rise: float
    decisions: int
    seconds: float
    in_a_row: int = IN_A_ROW


class Outcome(msgspec.Struct, frozen=True, gc=False):
    """What is remembered of a decision; `gc=False`, because it holds nothing but texts."""

    version: str | None
    snapshot: str | None
    template: str | None
    reason: Reason
    weight: QueryWeight

    def of(self, subject: Subject) -> str | None:
        """The version or the snapshot that took part in it."""
        return self.version if subject is Subject.MODEL else self.snapshot

    def beside(self, subject: Subject) -> str | None:
        """The other of the two: decisions that differ in both tell nothing of either."""
        return self.snapshot if subject is Subject.MODEL else self.version


@dataclass(slots=True)
class Sample:
    """Decisions of one version or snapshot: heavy by template where the model decided, failed among all."""

    subject: Subject
    heavy: Strata = field(default_factory=Strata)
    failed: Strata = field(default_factory=Strata)
    size: int = 0

    def add(self, outcome: Outcome) -> None:
        self.size += 1
        beside, failed = outcome.beside(self.subject), outcome.reason in FAILURES
        self.failed.add(beside, event=failed)
        if not failed:
            self.heavy.add((outcome.template, beside), event=outcome.weight == QueryWeight.HEAVY)


def complaint(before: Sample, after: Sample, limits: TripLimits) -> str | None:
    """What a swap did too much of, in the window `after`; None where nothing is beyond a limit, or chance may be."""
    failed = Shift.between(before.failed, after.failed)
    if _rose(failed, limits.error_rise, limits):
        return f"the model failed or was late in {failed}"
    heavy = Shift.between(before.heavy, after.heavy)
    if _rose(heavy, limits.heavy_rise, limits) or _fell(heavy, limits.heavy_fall, limits):
        return f"the model found heavy {heavy}"
    return None


def _rose(shift: Shift, limit: float, limits: TripLimits) -> bool:
    is_enough = shift.earlier >= limits.decisions and shift.events >= FEWEST_EVENTS
    return is_enough and shift.deviations > DEVIATIONS and shift.rise > limit


def _fell(shift: Shift, limit: float, limits: TripLimits) -> bool:
    is_enough = shift.earlier >= limits.decisions and shift.expected >= FEWEST_EVENTS
    return is_enough and shift.deviations < -DEVIATIONS and shift.loss > limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Swap:
    """What is watched: `new` took the place of `old`, and `undo` takes it back, with the reason."""

    subject: Subject
    old: str
    new: str
    undo: Callable[[str], None]


class Watch:
    """The windows of decisions after one swap."""

    def __init__(self, swap: Swap, before: Iterable[Outcome], limits: TripLimits, *, now: float) -> None:
        self.swap = swap
        self._limits = limits
        self._before = Sample(swap.subject)
        for outcome in before:
            if outcome.of(swap.subject) == swap.old:
                self._before.add(outcome)
        self._windows = 0
        self._complaints = 0
        self._open_window(now)

    def add(self, outcome: Outcome) -> None:
        if outcome.of(self.swap.subject) == self.swap.new:
            self._window.add(outcome)

    def look(self, now: float) -> str | None:
        """Closes a window that is full; the reason to undo the swap where the last few agree that there is one."""
        if self._window.size < self._limits.decisions or now - self._opened < self._limits.seconds:
            return None
        reason = complaint(self._before, self._window, self._limits)
        self._complaints = self._complaints + 1 if reason else 0
        self._windows += 1
        self._open_window(now)
        return reason if self._complaints >= self._limits.in_a_row else None

    @property
    def is_over(self) -> bool:
        return self._windows >= LAST_WINDOW

    def _open_window(self, now: float) -> None:
        self._window, self._opened = Sample(self.swap.subject), now


class Tripwire:
    """Notes decisions in the event loop and judges them in a thread of its own, one watch for each subject."""

    def __init__(self, limits: TripLimits, *, monotonic: Callable[[], float]) -> None:
        self._limits = limits
        self._monotonic = monotonic
        self._noted: deque[Outcome] = deque(maxlen=MOST_NOTED)
        self._before: deque[Outcome] = deque(maxlen=MOST_BEFORE)
        self._watches: dict[Subject, Watch] = {}
        self._snapshot: str | None = None
        self._lock = threading.Lock()

    @property
    def watched(self) -> frozenset[Subject]:
        """What was swapped and may yet be undone."""
        return frozenset(self._watches)

    def note(self, decision: RoutingDecision) -> None:
        """All that a decision costs here, less than a microsecond."""
        self._noted.append(
            Outcome(
                decision.model_version,
                decision.history_snapshot,
                decision.template,
                decision.reason,
                decision.weight,
            )
        )

    def watch(self, swap: Swap) -> None:
        """To be called once `swap` was made; a watch of the same subject that is under way ends."""
        with self._lock:
            self._take_noted()
            self._watches[swap.subject] = Watch(swap, self._before, self._limits, now=self._monotonic())
            if swap.subject is Subject.HISTORY:
                self._snapshot = swap.new

    def trust(self, subject: Subject, name: str | None) -> None:
        """`name` is in force and not watched: nothing was before it, it was undone to, or somebody vouches for it."""
        with self._lock:
            self._take_noted()
            self._watches.pop(subject, None)
            if subject is Subject.HISTORY:
                self._snapshot = name

    def step(self) -> float:
        """One look; undoes what trips. Returns the seconds until the next."""
        for swap, reason in self._tripped().items():
            log_event(_log, "swap_tripped", level=logging.ERROR, what=swap.subject, name=swap.new, reason=reason)
            swap.undo(reason)
        return LOOK_SECONDS

    def _tripped(self) -> dict[Swap, str]:
        """Undoing waits for locks of whoever swaps, who may be waiting for ours."""
        with self._lock:
            self._take_noted()
            now = self._monotonic()
            found = {watch.swap: reason for watch in self._watches.values() if (reason := watch.look(now))}
            over = [subject for subject, watch in self._watches.items() if watch.is_over or watch.swap in found]
            for subject in over:
                del self._watches[subject]
        return found

    def _take_noted(self) -> None:
        """A decision that failed names no snapshot: it counts for the one that came in last, or that the last used."""
        while self._noted:
            outcome = self._noted.popleft()
            if outcome.reason == Reason.MODEL:
                self._snapshot = outcome.snapshot
            elif outcome.reason in FAILURES:
                outcome = msgspec.structs.replace(outcome, snapshot=self._snapshot)
            else:
                continue
            self._before.append(outcome)
            for watch in self._watches.values():
                watch.add(outcome)
