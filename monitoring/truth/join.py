"""`join`: which query event belongs to which logged decision; each of either at most once."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from statistics import median
from typing import Final, TypeVar

from smart_routing.decision_log import LoggedDecision
from smart_routing.querylog.records import QueryRecord
from smart_routing.request import Request

EARLIEST: Final = timedelta(seconds=-1)
LATEST: Final = timedelta(seconds=5)
"""How long before and after its decision a statement may have been created, where no id ties the two."""

Digest = Callable[[Request], str | None]
Item = TypeVar("Item")


class JoinKey(StrEnum):
    """What tied a decision and an event, the surest first."""

    QUERY_ID = "query_id"
    TRACE_TOKEN = "trace_token"
    STATEMENT = "statement"


@dataclass(frozen=True, slots=True)
class Pair:
    """A decision and the event of its statement."""

    decision: LoggedDecision
    record: QueryRecord
    by: JoinKey

    @property
    def delay(self) -> timedelta:
        """From the decision, by the router's clock, to the statement's creation, by the cluster's."""
        return self.record.create_time - self.decision.submitted_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """Pairs and the decisions without an event, each decision once; `duplicates` were logged more than once."""

    pairs: tuple[Pair, ...]
    unjoined: tuple[LoggedDecision, ...]
    duplicates: int

    @property
    def clock_offset_seconds(self) -> float | None:
        """The median delay of those whose ids agree: far from 0, clocks differ and digests cannot be matched."""
        delays = [pair.delay.total_seconds() for pair in self.pairs if pair.by is not JoinKey.STATEMENT]
        return median(delays) if delays else None


def join(decisions: Iterable[LoggedDecision], records: Iterable[QueryRecord], *, digest: Digest | None) -> Joined:
    """Join by query id, then trace token, then statement digest with the nearest creation, one to one.

    Of rows of one query id the last counts, as it is the one a gateway acted on. A token that many statements share, as
    a client's own may be, ties those nearest in time. Without `digest` (the key is not at hand) ids alone count.
    """
    logged = list(decisions)
    left = _distinct(logged)
    events = _once(records)
    duplicates = len(logged) - len(left)
    pairs: list[Pair] = []
    for match in (_by_query_id, _by_trace_token, _by_statement):
        found = list(match(left, list(events.values()), digest))
        pairs += found
        for pair in found:
            del events[pair.record.query_id]
        taken = {id(pair.decision) for pair in found}
        left = [decision for decision in left if id(decision) not in taken]
    return Joined(pairs=tuple(pairs), unjoined=tuple(left), duplicates=duplicates)


def _distinct(decisions: Sequence[LoggedDecision]) -> list[LoggedDecision]:
    """Without repeats, in order of time."""
    last = {_identity(decision): decision for decision in sorted(decisions, key=lambda found: found.time)}
    return sorted(last.values(), key=lambda decision: decision.submitted_at)


def _identity(decision: LoggedDecision) -> Hashable:
    """A decision id may be a client's own token, which it may send with many statements."""
    if decision.query_id is not None:
        return decision.query_id
    return decision.decision_id, decision.statement, decision.submitted_at


def _once(records: Iterable[QueryRecord]) -> dict[str, QueryRecord]:
    """By query id in order of creation; a record of a running statement gives way to the finished one."""
    found: dict[str, QueryRecord] = {}
    for record in sorted(records, key=lambda record: (record.create_time, record.query_id)):
        before = found.get(record.query_id)
        if before is None or (before.running and not record.running):
            found[record.query_id] = record
    return found


def _by_query_id(
    decisions: Sequence[LoggedDecision], records: Sequence[QueryRecord], _: Digest | None
) -> Iterator[Pair]:
    events = {record.query_id: record for record in records}
    for decision in decisions:
        if decision.query_id in events:
            yield Pair(decision, events[decision.query_id], JoinKey.QUERY_ID)


def _by_trace_token(
    decisions: Sequence[LoggedDecision], records: Sequence[QueryRecord], digest: Digest | None
) -> Iterator[Pair]:
    asked = _grouped(decisions, lambda decision: decision.decision_id)
    told = _grouped(records, lambda record: record.trace_token)
    for token in sorted(asked.keys() & told.keys()):
        if len(asked[token]) == len(told[token]) == 1:
            yield Pair(asked[token][0], told[token][0], JoinKey.TRACE_TOKEN)
        elif digest is not None:
            yield from _same_statement(asked[token], told[token], digest, by=JoinKey.TRACE_TOKEN)


def _by_statement(
    decisions: Sequence[LoggedDecision], records: Sequence[QueryRecord], digest: Digest | None
) -> Iterator[Pair]:
    if digest is not None:
        yield from _same_statement(decisions, records, digest, by=JoinKey.STATEMENT)


def _same_statement(
    decisions: Sequence[LoggedDecision], records: Sequence[QueryRecord], digest: Digest, *, by: JoinKey
) -> Iterator[Pair]:
    asked = _grouped(decisions, lambda decision: decision.statement)
    told = _grouped(records, lambda record: digest(record.request())) if asked else {}
    for statement in sorted(asked.keys() & told.keys()):
        yield from _nearest(asked[statement], told[statement], by)


def _nearest(decisions: Sequence[LoggedDecision], records: Sequence[QueryRecord], by: JoinKey) -> Iterator[Pair]:
    """Pairs of one statement, the nearest in time first; records are in order of creation."""
    created = [record.create_time for record in records]
    near = [
        (abs(created[place] - decision.submitted_at), asked, place)
        for asked, decision in enumerate(decisions)
        for place in _within(created, decision.submitted_at)
    ]
    used: tuple[set[int], set[int]] = (set(), set())
    for _, asked, place in sorted(near):
        if asked not in used[0] and place not in used[1]:
            used[0].add(asked)
            used[1].add(place)
            yield Pair(decisions[asked], records[place], by)


def _within(created: Sequence[datetime], moment: datetime) -> range:
    first = bisect_left(created, moment + EARLIEST)
    last = bisect_left(created, moment + LATEST + timedelta(microseconds=1))
    return range(first, last)


def _grouped(items: Iterable[Item], key: Callable[[Item], str | None]) -> dict[str, list[Item]]:
    groups: dict[str, list[Item]] = defaultdict(list)
    for item in items:
        name = key(item)
        if name is not None:
            groups[name].append(item)
    return groups
