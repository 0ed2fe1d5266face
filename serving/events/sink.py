"""`EventSink`: what happens to one body before it is acknowledged."""

from typing import Final

from serving.events.intake import Completed, Created, examine
from serving.events.metrics import EventMetrics, EventOutcome
from serving.events.rejects import RejectFile
from serving.events.size_failures import SizeFailures
from serving.events.spill import Spill

RECENT_IDS: Final = 100_000


class RecentIds:
    """The last `size` query ids that were accepted; saves work, while being right is the store's."""

    def __init__(self, size: int = RECENT_IDS) -> None:
        self._size = size
        self._ids: dict[str, None] = {}

    def __contains__(self, query_id: str) -> bool:
        return query_id in self._ids

    def add(self, query_id: str) -> None:
        self._ids[query_id] = None
        if len(self._ids) > self._size:
            del self._ids[next(iter(self._ids))]


class EventSink:
    """Takes bodies, for one thread."""

    def __init__(
        self,
        spill: Spill,
        *,
        rejects: RejectFile,
        metrics: EventMetrics,
        recent: RecentIds,
        size_failures: SizeFailures,
    ) -> None:
        self.spill = spill
        self.metrics = metrics
        self._rejects = rejects
        self._recent = recent
        self._size_failures = size_failures

    def take(self, body: bytes) -> EventOutcome:
        """Keeps what is to be kept; once it returns, the body may be acknowledged. Raises `SpillError`."""
        outcome = self._take(body)
        self.metrics.count(outcome)
        return outcome

    def _take(self, body: bytes) -> EventOutcome:
        event = examine(body)
        if isinstance(event, Created):
            return EventOutcome.CREATED
        if not isinstance(event, Completed):
            self._rejects.add(body, origin="query-events", reason=event.reason)
            return EventOutcome.REJECTED
        if event.record.query_id in self._recent:
            return EventOutcome.DUPLICATE
        self.spill.append(event.line)
        self._recent.add(event.record.query_id)
        self._size_failures.offer(event.record)
        return EventOutcome.ACCEPTED
