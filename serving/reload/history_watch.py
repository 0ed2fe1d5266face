"""`HistoryWatch`: keeps a router's history equal to the published snapshot."""

import logging
import threading
from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from functools import partial

from serving.metrics import Metrics
from serving.reload.quarantine import Quarantine, Quarantined
from serving.reload.tripwire import Subject, Swap, Tripwire
from smart_routing.errors import BundleError, StoredFileError
from smart_routing.history.snapshot import Snapshot
from smart_routing.labels import LabelRule
from smart_routing.logs import log_event
from smart_routing.router import Router
from smart_routing.stored_file import WatchedFile

_log = logging.getLogger(__name__)

_ABSENT = "there is none"


class HistoryOutcome(StrEnum):
    """How a look at a snapshot that changed ended, or that it was left again."""

    LOADED = "loaded"
    REJECTED = "rejected"
    ROLLED_BACK = "rolled_back"


class HistoryWatch:
    """Looks at the file and hands its snapshot to `router`, an older one too: that is how one is put back.

    A file that is gone, or cannot be used, changes nothing. A newer snapshot is watched, and left again for the one
    before it where its decisions trip.
    """

    def __init__(
        self,
        file: WatchedFile,
        router: Router,
        *,
        quarantine: Quarantine,
        tripwire: Tripwire,
        metrics: Metrics,
        poll_seconds: float,
        clock: Callable[[], datetime],
    ) -> None:
        self._file = file
        self._router = router
        self._quarantine = quarantine
        self._tripwire = tripwire
        self._metrics = metrics
        self._poll_seconds = poll_seconds
        self._clock = clock
        self._swapping = threading.Lock()
        self._previous: Snapshot | None = None
        self._tag: str | None = None
        self._complaint: str | None = None
        self._differing: tuple[LabelRule, LabelRule] | None = None
        self.in_force: Snapshot | None = None
        for outcome in HistoryOutcome:
            metrics.history_reloads.labels(outcome)

    @property
    def quarantined(self) -> Quarantined | None:
        return self._quarantine.held

    def step(self) -> float:
        """One look; returns the seconds until the next. Never raises for a file that cannot be used."""
        try:
            self._look()
        except (StoredFileError, BundleError) as error:
            self._refuse(str(error))
        self._compare_rules()
        return self._poll_seconds

    def release(self) -> float:
        """Take the snapshot that is quarantined here after all, unwatched, if it is published still.

        Returns what `step` does; raises `OSError` where the quarantine cannot be written.
        """
        released = self._quarantine.release()
        if released is not None:
            log_event(_log, "quarantine_released", level=logging.WARNING, snapshot=released.name)
            self._tag = None
        return self.step()

    def roll_back(self, name: str, reason: str) -> None:
        """Leave the snapshot `name`, if it is in force, for the one before it, and quarantine it for all workers."""
        if not self._step_back(name, reason):
            return
        try:
            self._quarantine.add(name, reason, time=self._clock())
        except OSError as error:
            log_event(_log, "quarantine_not_kept", level=logging.ERROR, snapshot=name, reason=error.strerror)

    def _look(self) -> None:
        held = self._quarantine.read()
        if held is not None and not held.released:
            self._step_back(held.name, held.reason)
        tag = self._file.tag()
        if tag is None:
            self._miss()
            return
        if tag != self._tag and (found := self._file.read()) is not None:
            self._tag = found.tag
            self._take(Snapshot.from_bytes(found.content), held)
        self._complaint = None

    def _miss(self) -> None:
        """A fleet without a snapshot is a young one: that is no failure."""
        if self._complaint != _ABSENT:
            log_event(_log, "history_absent", file=str(self._file))
        self._complaint = _ABSENT

    def _take(self, snapshot: Snapshot, held: Quarantined | None) -> None:
        """A quarantine ends when the file has another snapshot; raises `BundleError` while it has that one."""
        if held is not None and held.name != snapshot.snapshot:
            self._quarantine.forget(held)
            held = None
        if held is not None and not held.released:
            raise BundleError(f"history snapshot {snapshot.snapshot} is quarantined by the routers: {held.reason}")
        if self.in_force is None or snapshot.snapshot != self.in_force.snapshot:
            self._follow(snapshot, is_trusted=held is not None)

    def _follow(self, snapshot: Snapshot, *, is_trusted: bool) -> None:
        with self._swapping:
            old = self._previous = self.in_force
            self._router.history = self.in_force = snapshot
        if old is None or is_trusted or snapshot.as_of < old.as_of:  # an older one was put back by somebody
            self._tripwire.trust(Subject.HISTORY, snapshot.snapshot)
        else:
            undo = partial(self.roll_back, snapshot.snapshot)
            self._tripwire.watch(Swap(subject=Subject.HISTORY, old=old.snapshot, new=snapshot.snapshot, undo=undo))
        self._metrics.history_reloads.labels(HistoryOutcome.LOADED).inc()
        self._tell(snapshot)
        as_of = snapshot.as_of.isoformat()
        log_event(_log, "history_loaded", snapshot=snapshot.snapshot, as_of=as_of, keys=len(snapshot))

    def _step_back(self, name: str, reason: str) -> bool:
        """Whether `name` was in force and another one before it."""
        with self._swapping:
            back = self._previous
            if back is None or self.in_force is None or self.in_force.snapshot != name:
                return False
            self._router.history = self.in_force = back
            self._previous = None
        self._tripwire.trust(Subject.HISTORY, back.snapshot)
        self._metrics.history_reloads.labels(HistoryOutcome.ROLLED_BACK).inc()
        self._tell(back)
        log_event(_log, "history_rolled_back", level=logging.ERROR, snapshot=back.snapshot, left=name, reason=reason)
        return True

    def _tell(self, snapshot: Snapshot) -> None:
        self._metrics.history_info.clear()
        self._metrics.history_info.labels(snapshot.snapshot).set(1)
        self._metrics.history_keys.set(len(snapshot))
        self._metrics.history_as_of.set(snapshot.as_of.timestamp())

    def _refuse(self, reason: str) -> None:
        """Counted and told once for each state of the file, not at each look."""
        if reason == self._complaint:
            return
        self._complaint = reason
        self._metrics.history_reloads.labels(HistoryOutcome.REJECTED).inc()
        log_event(_log, "history_rejected", level=logging.ERROR, file=str(self._file), reason=reason)

    def _compare_rules(self) -> None:
        """A snapshot of another rule is used, but somebody should know that its heavy is not the model's."""
        model, snapshot = self._router.models.current, self.in_force
        if model is None or snapshot is None:
            return
        rules = (snapshot.rule, model.bundle.label_rule)
        if rules[0] != rules[1] and rules != self._differing:
            log_event(
                _log,
                "history_of_another_rule",
                level=logging.WARNING,
                snapshot=snapshot.snapshot,
                model_version=model.version,
                snapshot_rule=snapshot.rule.as_json(),
                model_rule=model.bundle.label_rule.as_json(),
            )
        self._differing = rules
