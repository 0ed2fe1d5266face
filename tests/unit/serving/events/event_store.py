"""A query log store in memory that can be down, and rules of what enters the known-heavy list."""

from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from typing import Final

from serving.events.size_failures import ListRules
from smart_routing.errors import QueryLogError
from smart_routing.querylog.records import QueryRecord
from smart_routing.querylog.store import AppendResult

RULES: Final = ListRules(is_small=lambda environment: environment == "small", ttl=timedelta(hours=1), max_waiting=3)


class MemoryStore:
    """A `QueryLogStore`; `failure` is raised by appends while it is set."""

    def __init__(self) -> None:
        self.failure: Exception | None = None
        self.appends = 0
        self.stored: dict[str, QueryRecord] = {}

    def go_down(self) -> None:
        self.failure = QueryLogError("the store is down")

    def append(self, records: Iterable[QueryRecord]) -> AppendResult:
        if self.failure is not None:
            raise self.failure
        given = list(records)
        before = dict(self.stored)
        for one in given:
            known = self.stored.get(one.query_id)
            if known is None or (known.running and not one.running):
                self.stored[one.query_id] = one
        self.appends += 1
        added = sum(before.get(query_id) != one for query_id, one in self.stored.items())
        return AppendResult(added=added, duplicates=len(given) - added)

    def read(self, *, since: datetime | None = None, until: datetime | None = None) -> Iterator[QueryRecord]:
        assert (since, until) == (None, None)
        return iter(self.stored.values())

    def days(self) -> list[date]:
        return sorted({record.create_time.date() for record in self.stored.values()})

    def delete_before(self, day: date, *, dry_run: bool = False) -> int:
        raise NotImplementedError
