"""`Reloader`: follows a model source and swaps the version that serves, by one assignment, or keeps the old one."""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from random import Random
from typing import Final

from serving.metrics import Metrics
from smart_routing.errors import BundleError, SmartRoutingError, UnknownModelVersionError
from smart_routing.features.schema import SCHEMA_HASH
from smart_routing.inference import Model
from smart_routing.logs import log_event
from smart_routing.router import LoadedModels, Router
from smart_routing.sources.source import BundleRef, ModelSource
from smart_routing.sources.store import BundleStore

_log = logging.getLogger(__name__)

LAST_KNOWN_GOOD: Final = "last-known-good"
MAX_DELAY_SECONDS: Final = 30.0
_MAX_DOUBLINGS: Final = 10
REFUSAL_LASTS: Final = timedelta(minutes=1)
"""A refused version is tried again after this time: a torn download looks like a corrupt bundle."""


class ReloadOutcome(StrEnum):
    """How one look at the source ended; all but UNCHANGED are counted."""

    LOADED = "loaded"
    UNCHANGED = "unchanged"
    REJECTED = "rejected"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A version, where it was known, that was not taken, and why."""

    version: str | None
    reason: str
    time: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ReloadStatus:
    """What /v1/model tells beside the model; `source` is where the version in force came from."""

    source: str | None = None
    loaded_at: datetime | None = None
    last_refusal: Refusal | None = None
    last_error: str | None = None


class Reloader:
    """Looks at `source` and hands what it loads to `router`; whatever fails, the router keeps what it has."""

    def __init__(
        self,
        source: ModelSource,
        router: Router,
        *,
        store: BundleStore,
        metrics: Metrics,
        source_name: str,
        poll_seconds: float,
        clock: Callable[[], datetime],
        random: Random,
    ) -> None:
        self._source = source
        self._router = router
        self._store = store
        self._metrics = metrics
        self._source_name = source_name
        self._poll_seconds = poll_seconds
        self._clock = clock
        self._random = random
        self._lock = threading.Lock()
        self._in_force: BundleRef | None = None
        self._refused: dict[BundleRef | str, datetime] = {}
        self._failures = 0
        self.status = ReloadStatus()
        for outcome in (ReloadOutcome.LOADED, ReloadOutcome.REJECTED, ReloadOutcome.FAILED):
            metrics.model_reloads.labels(outcome)

    def start(self) -> ReloadOutcome:
        """The first look; where it gives nothing, the last known good version serves."""
        outcome = self.check()
        if self._in_force is None:
            with self._lock:
                self._load_last_known_good()
        return outcome

    def step(self) -> float:
        """One look; returns the seconds until the next, longer while the source is out of reach, never in lockstep."""
        self.check()
        delay = min(self._poll_seconds * 2.0**self._failures, max(MAX_DELAY_SECONDS, self._poll_seconds))
        jitter: float = self._random.uniform(0.8, 1.2)
        return delay * jitter

    def check(self, *, force: bool = False) -> ReloadOutcome:
        """One look at the source; `force` tries a version again that was refused before."""
        with self._lock:
            outcome = self._check(force=force)
            self._failures = min(self._failures + 1, _MAX_DOUBLINGS) if outcome == ReloadOutcome.FAILED else 0
        if outcome != ReloadOutcome.UNCHANGED:
            self._metrics.model_reloads.labels(outcome).inc()
        return outcome

    def _check(self, *, force: bool) -> ReloadOutcome:
        ref = None
        try:
            ref = self._source.resolve()
            if self._is_in_force(ref) or (not force and self._refused_lately(ref)):
                return ReloadOutcome.UNCHANGED
            self._load(ref)
        except BundleError as error:
            return self._refuse(ref, str(error), force=force)
        except UnknownModelVersionError as error:
            return self._miss(str(error)) if self._in_force else self._wait(str(error))
        except SmartRoutingError as error:
            return self._miss(str(error))
        except Exception as error:  # a full disk, a foreign reply: nothing may cost us the version that serves
            return self._miss(repr(error))
        return ReloadOutcome.LOADED

    def _is_in_force(self, ref: BundleRef) -> bool:
        current = self._in_force
        same = current is not None and (current.version, current.manifest_sha256) == (ref.version, ref.manifest_sha256)
        if same and self.status.source != self._source_name:
            self._tell_source(self._source_name)
        if same:
            self.status = replace(self.status, last_error=None)
        return same

    def _refused_lately(self, what: BundleRef | str) -> bool:
        refused_at = self._refused.get(what)
        return refused_at is not None and self._clock() - refused_at < REFUSAL_LASTS

    def _load(self, ref: BundleRef) -> None:
        if ref.quarantined is not None:
            raise BundleError(f"version {ref.version} is quarantined: {ref.quarantined}")
        bundle = self._store.fetch(ref, self._source.download)
        self._publish(ref, Model.load(bundle, version=ref.version), source=self._source_name)
        self._keep_records(ref)

    def _keep_records(self, ref: BundleRef) -> None:
        """On disk for a start without the source, and at the source for a rollback; neither costs us the version."""
        try:
            self._store.remember(ref)
        except OSError as error:
            log_event(_log, "last_known_good_not_kept", level=logging.ERROR, version=ref.version, reason=error.strerror)
        try:
            self._source.report_served(ref, at=self._clock())
        except SmartRoutingError as error:
            log_event(
                _log, "served_version_not_reported", level=logging.WARNING, version=ref.version, reason=str(error)
            )

    def _load_last_known_good(self) -> None:
        ref = self._store.last_known_good()
        refused = {what.manifest_sha256 for what in self._refused if isinstance(what, BundleRef)}
        if ref is None or ref.manifest_sha256 in refused:
            return
        try:
            model = Model.load(self._store.read(ref), version=ref.version)
        except BundleError as error:
            self._refuse(ref, str(error))
            return
        self._publish(ref, model, source=LAST_KNOWN_GOOD)

    def _publish(self, ref: BundleRef, model: Model, *, source: str) -> None:
        self._router.models = LoadedModels(model, self._router.models.current)
        self._in_force = ref
        self._refused.clear()
        self.status = replace(self.status, loaded_at=self._clock(), last_error=None)
        self._tell_source(source)
        log_event(_log, "model_loaded", model_version=model.version, source=source)

    def _tell_source(self, source: str) -> None:
        model = self._router.models.current
        self.status = replace(self.status, source=source)
        self._metrics.model_info.clear()
        if model is not None:
            self._metrics.model_info.labels(model.version, SCHEMA_HASH, source).set(1)

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
