"""What a replay does when: nights, and the slices of the days between them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from smart_routing.errors import InputError
from smart_routing.querylog.records import QueryRecord

LEARNING_DAYS: Final = 4
"""Whole days that the first model learns from, unless the first day to replay is given."""

_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Slice:
    """Statements created in [begin, end), in order of time; routers decide them with the history before `begin`."""

    begin: datetime
    end: datetime
    records: Sequence[QueryRecord]


@dataclass(frozen=True, slots=True)
class Day:
    """A day of the log, and the midnight that closes it."""

    begin: datetime
    slices: Sequence[Slice]

    @property
    def end(self) -> datetime:
        return self.begin + _DAY

    def __str__(self) -> str:
        return f"{self.begin:%Y-%m-%d}"


@dataclass(frozen=True, slots=True)
class Plan:
    """All records of a log, and the days of it that are replayed; what was created before them is learnt from."""

    records: Sequence[QueryRecord]
    days: Sequence[Day]

    @property
    def begin(self) -> datetime:
        return self.days[0].begin

    def ended(self, since: datetime | None, until: datetime) -> Iterator[QueryRecord]:
        """What ended in [since, until): events arrive when a statement ends."""
        return (one for one in self.records if one.end_time < until and (since is None or one.end_time >= since))


def plan(records: Sequence[QueryRecord], *, first: date | None, last: date | None, slice_hours: int) -> Plan:
    """The days from `first` to `last`, both with, in UTC; by default from the fifth day to the last one of the log.

    Raises `InputError` where that leaves no day to replay or none to learn from.
    """
    if not records:
        raise InputError("the query log is empty: there is nothing to replay")
    ordered = sorted(records, key=lambda record: record.create_time)
    begins, ends = (_midnight(one.create_time.astimezone(UTC).date()) for one in (ordered[0], ordered[-1]))
    first_day = begins + LEARNING_DAYS * _DAY if first is None else _midnight(first)
    last_day = ends if last is None else _midnight(last)
    if first is None and first_day > ends:
        raise InputError(
            f"the query log is of {begins:%Y-%m-%d} to {ends:%Y-%m-%d}: expected {LEARNING_DAYS} days to learn from "
            "and one to replay, or --from"
        )
    if not begins < first_day <= last_day <= ends:
        raise InputError(
            f"days {first_day:%Y-%m-%d} to {last_day:%Y-%m-%d} of a log from {begins:%Y-%m-%d} to {ends:%Y-%m-%d}: "
            "expected a first day after the log's first and a last day not after its last (--from, --to)"
        )
    count = (last_day - first_day) // _DAY + 1
    days = [_day(ordered, first_day + number * _DAY, timedelta(hours=slice_hours)) for number in range(count)]
    return Plan(ordered, days)


def _day(records: Sequence[QueryRecord], begin: datetime, length: timedelta) -> Day:
    cuts = [begin + number * length for number in range(_DAY // length)]
    return Day(begin, [_slice(records, cut, cut + length) for cut in cuts])


def _slice(records: Sequence[QueryRecord], begin: datetime, end: datetime) -> Slice:
    return Slice(begin, end, [record for record in records if begin <= record.create_time < end])


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
