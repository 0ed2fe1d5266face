"""`SizeFailures`: templates that failed for size on a small cluster, on their way to the known-heavy list."""

import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain
from typing import Final

from serving.events.metrics import EventMetrics, TemplateOutcome
from serving.events.spill import Spill, read_lines
from smart_routing.errors import KnownHeavyError
from smart_routing.features.statement import DEFAULT_LIMITS
from smart_routing.known_heavy.entries import KnownHeavyEntry, SessionTemplate, session_template
from smart_routing.known_heavy.store import KnownHeavyStore
from smart_routing.labels import SIZE_ERROR_CODES
from smart_routing.logs import log_event
from smart_routing.querylog.events import read_event
from smart_routing.querylog.records import QueryRecord

_log = logging.getLogger(__name__)

STEP_SECONDS: Final = 0.1
RETRY_SECONDS: Final = 1.0
MAX_RECORDS: Final = 1_000
_CODES: Final = tuple(code.encode() for code in SIZE_ERROR_CODES)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListRules:
    """What enters the list, for how long, and how many templates may wait while the list cannot be changed."""

    is_small: Callable[[str | None], bool]
    ttl: timedelta
    max_waiting: int


class SizeFailures:
    """Records are offered by any thread, and go to the list in `step`, which is for one thread at a time.

    What waits is bounded: the oldest is dropped and counted.
    """

    def __init__(
        self, store: KnownHeavyStore, *, rules: ListRules, metrics: EventMetrics, clock: Callable[[], datetime]
    ) -> None:
        self._store = store
        self._rules = rules
        self._metrics = metrics
        self._clock = clock
        self._records: deque[QueryRecord] = deque(maxlen=MAX_RECORDS)
        self._waiting: dict[SessionTemplate, KnownHeavyEntry] = {}
        self._is_failing = False

    def offer(self, record: QueryRecord) -> None:
        """Takes note of `record` if it failed for its size where it might not have elsewhere; never blocks."""
        if record.error_code not in SIZE_ERROR_CODES or not self._rules.is_small(record.cluster):
            return
        if len(record.request().sql) > DEFAULT_LIMITS.bytes:  # is not to wait in memory to be left out later
            self._metrics.count_templates(TemplateOutcome.LEFT_OUT)
            return
        if len(self._records) == MAX_RECORDS:
            self._metrics.count_templates(TemplateOutcome.DROPPED)
        self._records.append(record)

    def offer_left(self, spill: Spill) -> None:
        """Looks through what the process before this one accepted, as it may have ended before the list had it."""
        for line in chain.from_iterable(map(read_lines, spill.closed())):
            event = read_event(line) if any(code in line for code in _CODES) else None
            if isinstance(event, QueryRecord):
                self.offer(event)
                self._read_templates()

    def step(self) -> float:
        """Hands over what waits; returns the seconds until the next try. Never raises for a list that fails."""
        self._read_templates()
        entries = tuple(self._waiting.values())
        if not entries:
            return STEP_SECONDS
        try:
            self._store.add(entries, now=self._clock())
        except KnownHeavyError as error:
            self._fail(error)
            return RETRY_SECONDS
        self._waiting.clear()
        self._is_failing = False
        self._metrics.count_templates(TemplateOutcome.ADDED, len(entries))
        log_event(_log, "known_heavy_added", templates=len(entries))
        return STEP_SECONDS

    def _read_templates(self) -> None:
        for _ in range(len(self._records)):
            record = self._records.popleft()
            template = session_template(record.request())
            if template is None:
                self._metrics.count_templates(TemplateOutcome.LEFT_OUT)
            else:
                self._wait(template, record)

    def _wait(self, template: SessionTemplate, record: QueryRecord) -> None:
        now = self._clock()
        self._waiting.pop(template, None)
        self._waiting[template] = KnownHeavyEntry(
            template=template.fingerprint,
            catalog=template.catalog,
            schema=template.schema,
            reason=record.error_code or "",
            query_id=record.query_id,
            added_at=now,
            expires_at=now + self._rules.ttl,
        )
        if len(self._waiting) > self._rules.max_waiting:
            del self._waiting[next(iter(self._waiting))]
            self._metrics.count_templates(TemplateOutcome.DROPPED)

    def _fail(self, error: KnownHeavyError) -> None:
        self._metrics.known_heavy_failures.inc()
        if not self._is_failing:
            log_event(_log, "known_heavy_not_added", level=logging.ERROR, reason=str(error))
        self._is_failing = True
