"""What a query log is read from: sources of entries, each entry a record or a reason why it is none."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from smart_routing.querylog.events import Rejected, read_event
from smart_routing.querylog.files import MAX_LINE_BYTES, EventFile, Line
from smart_routing.querylog.records import QueryRecord


@dataclass(frozen=True, slots=True)
class Entry:
    """One line or row: where it stands, counted from 1, its text and what it is."""

    number: int
    text: bytes
    event: QueryRecord | Rejected


@dataclass(frozen=True, slots=True)
class EventSource:
    """A file or a table; each call of `entries` is a new pass and raises `QueryLogError` where it cannot be read."""

    name: str
    entries: Callable[[], Iterator[Entry]]


def source_of_lines(file: EventFile) -> EventSource:
    """JSON Lines of QueryCompletedEvents."""
    return EventSource(file.name, lambda: (_entry(line) for line in file.lines()))


def _entry(line: Line) -> Entry:
    event = Rejected(f"longer than {MAX_LINE_BYTES} bytes") if line.too_long else read_event(line.text)
    return Entry(line.number, line.text, event)
