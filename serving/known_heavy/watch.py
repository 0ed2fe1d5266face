"""`KnownHeavyWatch`: keeps a router's replica of the known-heavy list equal to the list."""

import logging
from collections.abc import Callable
from datetime import datetime

from serving.metrics import Metrics
from smart_routing.errors import KnownHeavyError
from smart_routing.known_heavy.entries import KnownHeavy, KnownHeavyEntry
from smart_routing.known_heavy.store import KnownHeavyStore
from smart_routing.logs import log_event
from smart_routing.router import Router

_log = logging.getLogger(__name__)


class KnownHeavyWatch:
    """Looks at the store and hands what is in force to `router`. A store that fails changes nothing but freshness."""

    def __init__(
        self,
        store: KnownHeavyStore,
        router: Router,
        *,
        metrics: Metrics,
        poll_seconds: float,
        clock: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._router = router
        self._metrics = metrics
        self._poll_seconds = poll_seconds
        self._clock = clock
        self._version: str | None = None
        self._entries: tuple[KnownHeavyEntry, ...] = ()
        self._is_failing = False
        self._read_at = clock()
        metrics.known_heavy_age.set_function(self._age)

    def step(self) -> float:
        """One look; returns the seconds until the next. Never raises for a store that fails."""
        now = self._clock()
        try:
            is_new = self._look()
        except KnownHeavyError as error:
            self._fail(error)
            is_new = False
        else:
            self._succeed(now)
        ends = self._router.known_heavy.valid_until
        if is_new or (ends is not None and now >= ends):
            self._follow(KnownHeavy.at(now, self._entries))
        return self._poll_seconds

    def _age(self) -> float:
        return (self._clock() - self._read_at).total_seconds()

    def _look(self) -> bool:
        """Whether there was something new. The version is read first: what changes in between is seen next time."""
        version = self._store.version()
        if version == self._version:
            return False
        self._entries = self._store.entries()
        self._version = version
        return True

    def _follow(self, known: KnownHeavy) -> None:
        changed = known.generation != self._router.known_heavy.generation
        self._router.known_heavy = known
        self._metrics.known_heavy_entries.set(len(known.templates))
        if changed:
            log_event(_log, "known_heavy_loaded", entries=len(known.templates), generation=known.generation)

    def _fail(self, error: KnownHeavyError) -> None:
        self._metrics.known_heavy_failures.inc()
        if not self._is_failing:
            log_event(_log, "known_heavy_stale", level=logging.ERROR, reason=str(error))
        self._is_failing = True

    def _succeed(self, now: datetime) -> None:
        self._read_at = now
        if self._is_failing:
            log_event(_log, "known_heavy_fresh_again")
        self._is_failing = False
