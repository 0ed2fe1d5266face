"""`HistoryWatch`: keeps a router's history equal to the published snapshot."""

import logging
from enum import StrEnum

from serving.metrics import Metrics
from smart_routing.errors import BundleError, StoredFileError
from smart_routing.history.snapshot import Snapshot
from smart_routing.labels import LabelRule
from smart_routing.logs import log_event
from smart_routing.router import Router
from smart_routing.stored_file import WatchedFile

_log = logging.getLogger(__name__)

_ABSENT = "there is none"


class HistoryOutcome(StrEnum):
    """How a look at a snapshot that changed ended."""

    LOADED = "loaded"
    REJECTED = "rejected"


class HistoryWatch:
    """Looks at the file and hands its snapshot to `router`, an older one too: that is how one is put back.

    A file that is gone, or cannot be used, changes nothing.
    """

    def __init__(self, file: WatchedFile, router: Router, *, metrics: Metrics, poll_seconds: float) -> None:
        self._file = file
        self._router = router
        self._metrics = metrics
        self._poll_seconds = poll_seconds
        self._tag: str | None = None
        self._complaint: str | None = None
        self._differing: tuple[LabelRule, LabelRule] | None = None
        self.in_force: Snapshot | None = None
        for outcome in HistoryOutcome:
            metrics.history_reloads.labels(outcome)

    def step(self) -> float:
        """One look; returns the seconds until the next. Never raises for a file that cannot be used."""
        try:
            self._look()
        except (StoredFileError, BundleError) as error:
            self._refuse(str(error))
        self._compare_rules()
        return self._poll_seconds

    def _look(self) -> None:
        tag = self._file.tag()
        if tag is None:
            self._miss()
            return
        if tag != self._tag and (found := self._file.read()) is not None:
            self._tag = found.tag
            self._follow(Snapshot.from_bytes(found.content))
        self._complaint = None

    def _miss(self) -> None:
        """A fleet without a snapshot is a young one: that is no failure."""
        if self._complaint != _ABSENT:
            log_event(_log, "history_absent", file=str(self._file))
        self._complaint = _ABSENT

    def _follow(self, snapshot: Snapshot) -> None:
        if self.in_force is not None and snapshot.snapshot == self.in_force.snapshot:
            return
        self._router.history = self.in_force = snapshot
        self._metrics.history_reloads.labels(HistoryOutcome.LOADED).inc()
        self._metrics.history_info.clear()
        self._metrics.history_info.labels(snapshot.snapshot).set(1)
        self._metrics.history_keys.set(len(snapshot))
        self._metrics.history_as_of.set(snapshot.as_of.timestamp())
        as_of = snapshot.as_of.isoformat()
        log_event(_log, "history_loaded", snapshot=snapshot.snapshot, as_of=as_of, keys=len(snapshot))

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
