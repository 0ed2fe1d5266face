"""From the spill to the query log store, in batches; a segment goes only after the store took it."""

import logging
from pathlib import Path
from typing import Final

from serving.events.metrics import EventMetrics, EventOutcome
from serving.events.rejects import RejectFile
from serving.events.spill import Spill, read_lines
from smart_routing.logs import log_event, reason_of
from smart_routing.querylog.events import Rejected, read_event
from smart_routing.querylog.records import QueryRecord
from smart_routing.querylog.store import QueryLogStore

_log = logging.getLogger(__name__)

SEGMENTS_PER_BATCH: Final = 4
MAX_BACKOFF_SECONDS: Final = 60.0


class Drain:
    """Moves closed segments, the oldest first; `step` is for one thread at a time."""

    def __init__(
        self,
        spill: Spill,
        store: QueryLogStore,
        *,
        rejects: RejectFile,
        metrics: EventMetrics,
        batch_seconds: float,
    ) -> None:
        self._spill = spill
        self._store = store
        self._rejects = rejects
        self._metrics = metrics
        self._batch_seconds = batch_seconds
        self._failures = 0

    def step(self) -> float:
        """One batch; returns the seconds until the next, 0 while closed segments are left.

        A batch that the store does not take stays, and the next try comes after 1, 2, 4, ... 60 seconds.
        """
        if not self._spill.closed():
            self._spill.rotate()
        batch = self._spill.closed()[:SEGMENTS_PER_BATCH]
        try:
            self._move(batch)
        except Exception as error:  # whatever it is: no segment may go before the store has it
            return self._back_off(error)
        self._failures = 0
        return 0.0 if self._spill.closed() else self._batch_seconds

    def flush(self) -> None:
        """Everything appended so far, unless the store fails."""
        self._spill.rotate()
        while self._spill.closed() and self.step() == 0.0:
            pass

    def _move(self, batch: list[Path]) -> None:
        if not batch:
            return
        lines = [line for segment in batch for line in read_lines(segment)]
        read = [(line, read_event(line)) for line in lines]
        result = self._store.append([event for _, event in read if isinstance(event, QueryRecord)])
        for line, event in read:
            if isinstance(event, Rejected):  # a disk that lost power may hold anything
                self._rejects.add(line, origin="spill", reason=event.reason)
                self._metrics.count(EventOutcome.REJECTED)
        for segment in batch:
            self._spill.remove(segment)
        self._metrics.count(EventOutcome.STORED, result.added)
        self._metrics.count(EventOutcome.DUPLICATE, result.duplicates)

    def _back_off(self, error: Exception) -> float:
        delay = min(2.0**self._failures, MAX_BACKOFF_SECONDS)
        self._failures += 1
        self._metrics.store_failures.inc()
        log_event(_log, "events_not_stored", level=logging.ERROR, reason=reason_of(error), retry_seconds=delay)
        return delay
