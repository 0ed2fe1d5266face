"""`Poller`: puts statements that are past a limit into the query log store while they still run."""

import logging
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

from serving.events.coordinator import Coordinator, RunningStatement
from serving.events.metrics import EventMetrics
from serving.events.sink import RecentIds
from smart_routing.errors import CoordinatorAnswerError, CoordinatorError
from smart_routing.labels import LabelRule
from smart_routing.logs import log_event, reason_of
from smart_routing.querylog.records import QueryRecord
from smart_routing.querylog.store import QueryLogStore

_log = logging.getLogger(__name__)


class Poller:
    """Asks each coordinator in turn; a statement is recorded once, when it is first seen past a limit of `rule`."""

    def __init__(
        self,
        coordinators: Sequence[Coordinator],
        store: QueryLogStore,
        *,
        rule: LabelRule,
        metrics: EventMetrics,
        poll_seconds: float,
        clock: Callable[[], datetime],
    ) -> None:
        self._coordinators = coordinators
        self._store = store
        self._rule = rule
        self._metrics = metrics
        self._poll_seconds = poll_seconds
        self._clock = clock
        self._recorded = RecentIds()
        self._unreadable = RecentIds()
        self._silent: set[str] = set()

    def step(self) -> float:
        """One look at every coordinator; returns the seconds until the next."""
        found = [record for coordinator in self._coordinators for record in self._ask(coordinator)]
        if found:
            self._keep(found)
        return self._poll_seconds

    def _ask(self, coordinator: Coordinator) -> list[QueryRecord]:
        """What is new at a coordinator; nothing where it does not answer, so that the others are asked."""
        try:
            found = list(self._past_a_limit(coordinator))
        except CoordinatorError as error:
            self._note(coordinator.url, failure=str(error))
            return []
        self._note(coordinator.url, failure=None)
        return found

    def _past_a_limit(self, coordinator: Coordinator) -> Iterator[QueryRecord]:
        for entry in coordinator.listed():
            try:
                record = self._new_record(coordinator, coordinator.statement(entry))
            except CoordinatorAnswerError as error:  # of one statement: the others are to be recorded all the same
                self._note_unreadable(str(error))
                continue
            if record is not None:
                yield record

    def _new_record(self, coordinator: Coordinator, statement: RunningStatement) -> QueryRecord | None:
        heavy = self._rule.weight(
            cpu_seconds=statement.cpu_seconds,
            peak_memory_bytes=statement.peak_memory_bytes,
            succeeded=False,
            error_code=None,
        )
        if not heavy or statement.query_id in self._recorded:
            return None
        return coordinator.record(statement.query_id, now=self._clock())

    def _keep(self, records: list[QueryRecord]) -> None:
        """What the store does not take is found again by the next look."""
        try:
            result = self._store.append(records)
        except Exception as error:  # whatever it is: the next look comes all the same
            self._metrics.store_failures.inc()
            log_event(_log, "running_statements_not_stored", level=logging.ERROR, reason=reason_of(error))
            return
        self._metrics.running_statements.inc(result.added)
        for record in records:
            self._recorded.add(record.query_id)

    def _note_unreadable(self, reason: str) -> None:
        if reason not in self._unreadable:
            self._unreadable.add(reason)
            log_event(_log, "running_statement_unreadable", level=logging.WARNING, reason=reason)

    def _note(self, url: str, *, failure: str | None) -> None:
        self._metrics.coordinator_answers.labels(url).set(failure is None)
        if failure is not None and url not in self._silent:
            self._silent.add(url)
            log_event(_log, "coordinator_silent", level=logging.WARNING, coordinator=url, reason=failure)
        elif failure is None and url in self._silent:
            self._silent.remove(url)
            log_event(_log, "coordinator_answers_again", coordinator=url)
