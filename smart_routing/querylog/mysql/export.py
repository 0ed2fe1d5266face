"""Reads a CSV export of `trino_queries`: RFC 4180 with a header row."""

import csv
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Final, Protocol

from smart_routing.errors import QueryLogError
from smart_routing.querylog.entries import Entry, EventSource
from smart_routing.querylog.events import Rejected
from smart_routing.querylog.files import MAX_LINE_BYTES, EventFile
from smart_routing.querylog.mysql.rows import COLUMNS, REQUIRED_COLUMNS, read_row
from smart_routing.querylog.records import QueryRecord

_NULLS: Final = frozenset({"", "NULL", "\\N"})
"""How exporting programs write NULL."""


class _Reader(Protocol):
    """What csv.reader returns."""

    @property
    def line_num(self) -> int: ...

    def __next__(self) -> list[str]: ...


def source_of_export(file: EventFile) -> EventSource:
    """Rows in any order of columns; columns that are not used are passed over."""
    return EventSource(file.name, lambda: _entries(file))


def _entries(file: EventFile) -> Iterator[Entry]:
    csv.field_size_limit(MAX_LINE_BYTES)  # of the whole process; the default is less than many plans have
    header = None
    with closing(file.texts()) as texts:
        reader = csv.reader(_decoded(texts, file.name), strict=True)
        for row in _rows(reader):
            if header is None:
                header = _header(row, file.name)
            elif row:
                text = row.reason if isinstance(row, Rejected) else ",".join(row)
                yield Entry(reader.line_num, text.encode("utf-8", "replace"), _event(row, header))


def _decoded(texts: Iterator[bytes], name: str) -> Iterator[str]:
    for number, text in enumerate(texts, start=1):
        if len(text) > MAX_LINE_BYTES:
            raise QueryLogError(
                f"{name}:{number}: longer than {MAX_LINE_BYTES} bytes; leave the columns of plans and stages out"
            )
        yield text.decode("utf-8", "surrogateescape")


def _rows(reader: _Reader) -> Iterator[list[str] | Rejected]:
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield Rejected(f"not CSV: {error}; expected quotes within a field to be doubled")
        else:
            yield row


def _header(row: list[str] | Rejected, name: str) -> list[str]:
    columns = [] if isinstance(row, Rejected) else [column.strip().lower() for column in row]
    missing = [column for column in REQUIRED_COLUMNS if column not in columns]
    if missing:
        raise QueryLogError(
            f"{name} has no column {', '.join(missing)}: expected trino_queries as CSV with commas and a header row"
        )
    return columns


def _event(row: list[str] | Rejected, header: Sequence[str]) -> QueryRecord | Rejected:
    if isinstance(row, Rejected):
        return row
    if len(row) != len(header):
        return Rejected(f"{len(row)} fields; expected {len(header)} as in the header row")
    values = {name: value for name, value in zip(header, row, strict=True) if name in COLUMNS}
    if any("\udc80" <= character <= "\udcff" for value in values.values() for character in value):
        return Rejected("not UTF-8")
    return read_row({name: value for name, value in values.items() if name in REQUIRED_COLUMNS or value not in _NULLS})
