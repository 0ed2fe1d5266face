"""`Reloader`: follows a model source and swaps the version that serves, by one assignment, or keeps the old one."""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial
from random import Random
from typing import Final

from serving.metrics import Metrics
from serving.reload.latency_gate import LatencyGate
from serving.reload.model_swap import InForce, ModelSwap
from serving.reload.quarantine import Quarantine, Quarantined
from smart_routing.errors import BundleError, SmartRoutingError, UnknownModelVersionError
from smart_routing.inference import Model, go_on
from smart_routing.logs import log_event
from smart_routing.sources.source import BundleRef, ModelSource
from smart_routing.sources.store import BundleStore

_log = logging.getLogger(__name__)

LAST_KNOWN_GOOD: Final = "last-known-good"
MAX_DELAY_SECONDS: Final = 30.0
_MAX_DOUBLINGS: Final = 10
REFUSAL_LASTS: Final = timedelta(minutes=1)
"""A refused version is tried again after this time: a torn download looks like a corrupt bundle."""


class ReloadOutcome(StrEnum):
    """How one look at the source ended, or that a version was left again; all but UNCHANGED are counted."""

    LOADED = "loaded"
    UNCHANGED = "unchanged"
    REJECTED = "rejected"
    FAILED = "failed"
    ROLLED_BACK = "rolled_back"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A version, where it was known, that was not taken, and why."""

    version: str | None
    reason: str
    time: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ReloadStatus:
    """What /v1/model tells of the looks at the source."""

    last_refusal: Refusal | None = None
    last_error: str | None = None


class Reloader:
    """Looks at `source` and hands what it loads to `swap`; whatever fails, what is in force stays."""

    def __init__(
        self,
        source: ModelSource,
        swap: ModelSwap,
        *,
        store: BundleStore,
        gate: LatencyGate,
        quarantine: Quarantine,
        metrics: Metrics,
        source_name: str,
        poll_seconds: float,
        clock: Callable[[], datetime],
        random: Random,
        give_back: Callable[[], None],
    ) -> None:
        """`give_back` returns to the system the memory that a version took before it went, or was refused."""
        self._source = source
        self._swap = swap
        self._store = store
        self._gate = gate
        self._quarantine = quarantine
        self._metrics = metrics
        self._source_name = source_name
        self._poll_seconds = poll_seconds
        self._clock = clock
        self._random = random
        self._give_back = give_back
        self._lock = threading.Lock()
        self._refused: dict[BundleRef | str, datetime] = {}
        self._failures = 0
        self.status = ReloadStatus()
        for outcome in set(ReloadOutcome) - {ReloadOutcome.UNCHANGED}:
            metrics.model_reloads.labels(outcome)

    @property
    def in_force(self) -> InForce | None:
        return self._swap.in_force

    @property
    def quarantined(self) -> Quarantined | None:
        return self._quarantine.held

    def start(self) -> float:
        """The last known good version serves, whatever the source is up to; without one what the source names.

        Returns the seconds until the next look, which is the first where none was taken yet.
        """
        with self._lock:
            self._load_last_known_good()
        return 0.0 if self._swap.in_force else self.step()

    def step(self) -> float:
        """One look; returns the seconds until the next: `poll_seconds` at most, so that what the source names is seen
        within them, and never in lockstep; longer while the source is out of reach.
        """
        self.check()
        delay = min(self._poll_seconds * 2.0**self._failures, max(MAX_DELAY_SECONDS, self._poll_seconds))
        jitter: float = self._random.uniform(0.8, 1.0)
        return delay * jitter

    def check(self, *, force: bool = False) -> ReloadOutcome:
        """One look at the source; `force` tries a version again that was refused before."""
        with self._lock:
            outcome = self._check(force=force)
            self._failures = min(self._failures + 1, _MAX_DOUBLINGS) if outcome == ReloadOutcome.FAILED else 0
        if outcome != ReloadOutcome.UNCHANGED:
            self._metrics.model_reloads.labels(outcome).inc()
            self._give_back()
        return outcome

    def release(self) -> ReloadOutcome:
        """Take the version that is quarantined here after all, unwatched, if the source names it still.

        Raises `OSError` where the quarantine cannot be written.
        """
        released = self._quarantine.release()
        if released is not None:
            log_event(_log, "quarantine_released", level=logging.WARNING, model_version=released.name)
        return self.check(force=True)

    def roll_back(self, version: str, reason: str) -> None:
        """Leave `version`, if it is in force, for the one before it, and quarantine it for all workers."""
        back = self._step_back(version, reason)
        if back is None:
            return
        try:
            self._quarantine.add(version, reason, time=self._clock())
        except OSError as error:
            log_event(_log, "quarantine_not_kept", level=logging.ERROR, model_version=version, reason=error.strerror)
        self._keep_records(back)

    def _step_back(self, version: str, reason: str) -> BundleRef | None:
        back = self._swap.step_back(version, reason)
        if back is not None:
            self._metrics.model_reloads.labels(ReloadOutcome.ROLLED_BACK).inc()
        return back

    def _check(self, *, force: bool) -> ReloadOutcome:
        ref = None
        try:
            held = self._obey_quarantine()
            ref = self._source.resolve()
            held = self._still_offered(held, ref)
            if self._is_in_force(ref) or (not force and self._refused_lately(ref)):
                return ReloadOutcome.UNCHANGED
            self._load(ref, held)
        except BundleError as error:
            return self._refuse(ref, str(error), force=force)
        except UnknownModelVersionError as error:
            return self._miss(str(error)) if self._swap.in_force else self._wait(str(error))
        except SmartRoutingError as error:
            return self._miss(str(error))
        except Exception as error:  # a full disk, a foreign reply: nothing may cost us the version that serves
            return self._miss(repr(error))
        return ReloadOutcome.LOADED

    def _obey_quarantine(self) -> Quarantined | None:
        """Leave what another worker found bad; one that has nothing to go back to takes the last known good version."""
        held, current = self._quarantine.read(), self._swap.current
        is_bad = held is not None and current is not None and held.holds(current.version)
        if held is not None and is_bad and self._step_back(held.name, held.reason) is None:
            self._load_last_known_good()
        return held

    def _still_offered(self, held: Quarantined | None, ref: BundleRef) -> Quarantined | None:
        """A quarantine ends when the source names another version.

        The source named what is held before it was held, and was asked after that was read: so it has changed its mind.
        """
        if held is None or held.name == ref.model_version:
            return held
        self._quarantine.forget(held)
        return None

    def _is_in_force(self, ref: BundleRef) -> bool:
        current = self._swap.in_force
        if current is None or (current.ref.version, current.ref.manifest_sha256) != (ref.version, ref.manifest_sha256):
            return False
        if current.source != self._source_name:
            self._swap.came_from(self._source_name)
        self._refused.clear()  # the source has turned away from them: should it name one again, it is meant
        self.status = replace(self.status, last_error=None)
        return True

    def _refused_lately(self, what: BundleRef | str) -> bool:
        refused_at = self._refused.get(what)
        return refused_at is not None and self._clock() - refused_at < REFUSAL_LASTS

    def _load(self, ref: BundleRef, held: Quarantined | None) -> None:
        if ref.quarantined is not None:
            raise BundleError(f"version {ref.version} is quarantined: {ref.quarantined}")
        if held is not None and not held.released:
            raise BundleError(f"version {ref.version} is quarantined by the routers: {held.reason}")
        loaded = self._swap.loaded(ref)
        undo = partial(self.roll_back, ref.model_version) if loaded is None and held is None else None
        self._swap.publish(ref, loaded or self._prepare(ref), source=self._source_name, undo=undo)
        self._refused.clear()
        self.status = replace(self.status, last_error=None)
        self._keep_records(ref)

    def _prepare(self, ref: BundleRef) -> Model:
        """Verified, warm, proven by its golden rows and fast enough."""
        bundle, twin = self._store.fetch(ref, self._source.download), self._twin()
        model = Model.load(bundle, version=ref.version, pause=self._gate.pause if twin else go_on)
        self._gate.check(model, twin)
        return model

    def _twin(self) -> Model | None:
        """The version in force once more, to be timed: itself it decides in another thread meanwhile."""
        in_force = self._swap.current
        if in_force is None:
            return None
        proven_before = replace(in_force.bundle, golden=in_force.bundle.golden[:1])
        return Model.load(proven_before, version=in_force.version)

    def _keep_records(self, ref: BundleRef) -> None:
        """On disk for a start without the source, and at the source for a rollback; neither costs us the version."""
        try:
            if not self._store.has(ref):  # it came back from memory, and others have taken its place on the disk
                self._store.fetch(ref, self._source.download)
            self._store.remember(ref)
        except (OSError, SmartRoutingError) as error:
            log_event(_log, "last_known_good_not_kept", level=logging.ERROR, version=ref.version, reason=str(error))
        try:
            self._source.report_served(ref, at=self._clock())
        except SmartRoutingError as error:
            log_event(
                _log, "served_version_not_reported", level=logging.WARNING, version=ref.version, reason=str(error)
            )

    def _load_last_known_good(self) -> None:
        ref, held = self._store.last_known_good(), self._quarantine.read()
        refused = {what.manifest_sha256 for what in self._refused if isinstance(what, BundleRef)}
        if ref is None or ref.manifest_sha256 in refused or (held is not None and held.holds(ref.model_version)):
            return
        try:
            model = Model.load(self._store.read(ref), version=ref.version)
        except BundleError as error:
            self._refuse(ref, str(error))
            return
        self._swap.publish(ref, model, source=LAST_KNOWN_GOOD, undo=None)
        self._refused.clear()

    def _refuse(self, ref: BundleRef | None, reason: str, *, force: bool = False) -> ReloadOutcome:
        """Remember the version, or the reason where not even that is known: it counts once, not at each poll."""
        what, now = ref or reason, self._clock()
        if not force and self._refused_lately(what):
            return ReloadOutcome.UNCHANGED
        self._refused[what] = now
        version = ref.version if ref else None
        self.status = replace(self.status, last_refusal=Refusal(version=version, reason=reason, time=now))
        log_event(_log, "model_rejected", level=logging.ERROR, version=version, reason=reason)
        return ReloadOutcome.REJECTED

    def _wait(self, reason: str) -> ReloadOutcome:
        """A registry that answers that nobody was promoted yet has not failed: the first promotion is seen at once."""
        if reason != self.status.last_error:
            log_event(_log, "model_awaited", reason=reason)
        self.status = replace(self.status, last_error=reason)
        return ReloadOutcome.UNCHANGED

    def _miss(self, reason: str) -> ReloadOutcome:
        self.status = replace(self.status, last_error=reason)
        log_event(_log, "model_source_failed", level=logging.WARNING, reason=reason)
        return ReloadOutcome.FAILED
