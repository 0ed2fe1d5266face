"""The query log store in Parquet: one folder a UTC day, only ever added to."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from hashlib import blake2b
from itertools import groupby
from pathlib import Path
from typing import Any, Final

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from smart_routing.errors import QueryLogError
from smart_routing.querylog.parts import Parts
from smart_routing.querylog.records import RUNNING, QueryRecord, TableInput
from smart_routing.querylog.store import AppendResult, utc

ROWS_PER_PART: Final = 20_000
CHARACTERS_PER_PART: Final = 64 * 1024 * 1024
_ROWS_PER_BATCH: Final = 5_000

_INSTANT: Final = pa.timestamp("us", tz="UTC")
_SCHEMA: Final = pa.schema(
    [
        pa.field("query_id", pa.string(), nullable=False),
        pa.field("sql", pa.large_string(), nullable=False),
        pa.field("user", pa.string(), nullable=False),
        pa.field("state", pa.string(), nullable=False),
        pa.field("cpu_seconds", pa.float64(), nullable=False),
        pa.field("wall_seconds", pa.float64(), nullable=False),
        pa.field("create_time", _INSTANT, nullable=False),
        pa.field("end_time", _INSTANT, nullable=False),
        pa.field("prepared_sql", pa.large_string()),
        pa.field("source", pa.string()),
        pa.field("catalog", pa.string()),
        pa.field("schema", pa.string()),
        pa.field("cluster", pa.string()),
        pa.field("query_type", pa.string()),
        pa.field("error_code", pa.string()),
        pa.field("error_type", pa.string()),
        pa.field("peak_memory_bytes", pa.int64(), nullable=False),
        pa.field("trace_token", pa.string()),
        pa.field("session_properties", pa.large_string(), nullable=False),
        pa.field("inputs", pa.large_string(), nullable=False),
        pa.field("approximate_times", pa.bool_(), nullable=False),
    ]
)
_ORDER: Final = [("create_time", "ascending"), ("query_id", "ascending")]
_ADDED_LATER: Final = {"approximate_times": False}
"""Columns that older parts do not have, and what they mean there."""
_AS_JSON: Final = {"session_properties": dict[str, str], "inputs": tuple[TableInput, ...]}


@dataclass(frozen=True, slots=True)
class _StagedPart:
    path: Path
    name: str


class ParquetStore:
    """A `QueryLogStore` of part files.

    An id counts as stored if a part of its own UTC day has it. Appends that run at the same time may both write an
    event; reading drops the second, and what a part tells of a running statement when another tells its end. Memory:
    the ids of the days an append touches, and one day while reading.
    """

    def __init__(self, parts: Parts, *, rows_per_part: int = ROWS_PER_PART) -> None:
        self._parts = parts
        self._rows_per_part = rows_per_part

    def append(self, records: Iterable[QueryRecord]) -> AppendResult:
        stored = _StoredIds(self._parts)
        seen = 0
        added: set[str] = set()
        with self._parts.staging() as folder:
            staged: list[_StagedPart] = []
            for chunk in _chunks(records, self._rows_per_part):
                fresh = [record for record in chunk if stored.add(record)]
                staged.extend(_staged(fresh, folder))
                seen += len(chunk)
                added.update(record.query_id for record in fresh)
            for part in staged:
                self._parts.publish(part.path, part.name)
        return AppendResult(added=len(added), duplicates=seen - len(added))

    def read(self, *, since: datetime | None = None, until: datetime | None = None) -> Iterator[QueryRecord]:
        start = datetime.min.replace(tzinfo=UTC) if since is None else utc(since)
        end = datetime.max.replace(tzinfo=UTC) if until is None else utc(until)
        return self._read(start, end)

    def days(self) -> list[date]:
        return sorted(_by_day(self._parts.names()))

    def delete_before(self, day: date, *, dry_run: bool = False) -> int:
        days = _by_day(self._parts.names())
        names = [name for found in sorted(days) if found < day for name in days[found]]
        count: int = sum(_table(self._parts, name, ["query_id"]).num_rows for name in names)
        for name in () if dry_run else names:
            self._parts.remove(name)
        return count

    def _read(self, start: datetime, end: datetime) -> Iterator[QueryRecord]:
        for day, names in sorted(_by_day(self._parts.names()).items()):
            if start.date() <= day <= end.date():
                table = pa.concat_tables(_table(self._parts, name, _SCHEMA.names) for name in names)
                ordered = _settled(table).sort_by(_ORDER)
                yield from (one for one in _distinct(ordered) if start <= one.create_time < end)


class _StoredIds:
    """Query ids by day, each with whether it is only known to run; a day is read from its parts when first met."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._names = _by_day(parts.names())
        self._running: dict[date, dict[str, bool]] = {}

    def add(self, record: QueryRecord) -> bool:
        """Whether the record tells something new; from then on it does not."""
        day = _day(record)
        if day not in self._running:
            self._running[day] = self._stored(day)
        running = self._running[day]
        is_new = record.query_id not in running or (running[record.query_id] and not record.running)
        running[record.query_id] = running.get(record.query_id, True) and record.running
        return is_new

    def _stored(self, day: date) -> dict[str, bool]:
        names = self._names.get(day, ())
        if not names:
            return {}
        table = _settled(pa.concat_tables(_table(self._parts, name, ["query_id", "state"]) for name in names))
        return dict(zip(table["query_id"].to_pylist(), pc.equal(table["state"], RUNNING).to_pylist(), strict=True))


def _day(record: QueryRecord) -> date:
    return record.create_time.astimezone(UTC).date()


def _by_day(names: Iterable[str]) -> dict[date, list[str]]:
    days: dict[date, list[str]] = {}
    for name in names:
        days.setdefault(_day_of_part(name), []).append(name)
    return days


def _day_of_part(name: str) -> date:
    folder = name.partition("/")[0]
    try:
        return date.fromisoformat(folder.removeprefix("day="))
    except ValueError as error:
        raise QueryLogError(f"query log folder {folder} is no day: expected day=YYYY-MM-DD") from error


def _chunks(records: Iterable[QueryRecord], rows: int) -> Iterator[list[QueryRecord]]:
    chunk: list[QueryRecord] = []
    characters = 0
    for record in records:
        chunk.append(record)
        characters += len(record.sql) + len(record.prepared_sql or "")
        if len(chunk) >= rows or characters >= CHARACTERS_PER_PART:
            yield chunk
            chunk, characters = [], 0
    if chunk:
        yield chunk


def _staged(records: list[QueryRecord], folder: Path) -> Iterator[_StagedPart]:
    """Writes one part a day; a part is named by its content, so the same records always make the same part."""
    in_order = sorted(records, key=lambda record: (_day(record), record.create_time, record.query_id))
    for day, rows in groupby(in_order, key=_day):
        content = _parquet(list(rows))
        digest = blake2b(content, digest_size=16).hexdigest()
        path = folder / f"{day.isoformat()}-{digest}"
        try:
            path.write_bytes(content)
        except OSError as error:
            raise QueryLogError(f"query log part {path} cannot be written: {error.strerror}") from error
        yield _StagedPart(path, f"day={day.isoformat()}/part-{digest}.parquet")


def _parquet(rows: list[QueryRecord]) -> bytes:
    columns = {name: [getattr(row, name) for row in rows] for name in _SCHEMA.names}
    for name in _AS_JSON:
        columns[name] = [msgspec.json.encode(value).decode() for value in columns[name]]
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(columns, schema=_SCHEMA), sink, compression="zstd")
    return bytes(sink.getvalue())


def _table(parts: Parts, name: str, columns: list[str]) -> Any:
    content = parts.content(name)
    try:
        table = pq.ParquetFile(pa.BufferReader(content)).read(columns=columns)
        return _completed(table, columns).select(columns)
    except (pa.ArrowException, OSError, KeyError) as error:
        raise QueryLogError(f"query log part {name}: {error}; expected Parquet with {', '.join(columns)}") from error


def _completed(table: Any, columns: list[str]) -> Any:
    for name in [name for name in columns if name in _ADDED_LATER and name not in table.column_names]:
        values = pa.array([_ADDED_LATER[name]] * table.num_rows, _SCHEMA.field(name).type)
        table = table.append_column(_SCHEMA.field(name), values)
    return table


def _settled(table: Any) -> Any:
    """A day without the running records of statements whose end it has too."""
    running = pc.equal(table["state"], RUNNING)
    ended = table.filter(pc.invert(running))["query_id"]
    return table.filter(pc.invert(pc.and_(running, pc.is_in(table["query_id"], value_set=ended))))


def _distinct(table: Any) -> Iterator[QueryRecord]:
    seen: set[str] = set()
    for batch in table.to_batches(max_chunksize=_ROWS_PER_BATCH):
        for record in _records(batch):
            if record.query_id not in seen:
                seen.add(record.query_id)
                yield record


def _records(batch: Any) -> Iterator[QueryRecord]:
    columns = [_values(name, batch.column(name)) for name in _SCHEMA.names]
    for values in zip(*columns, strict=True):
        yield QueryRecord(**dict(zip(_SCHEMA.names, values, strict=True)))


def _values(name: str, column: Any) -> list[Any]:
    """A column as Python values; instants as datetimes of the standard library's own UTC."""
    if column.type == _INSTANT:
        epoch = datetime(1970, 1, 1, tzinfo=UTC)
        return [epoch + timedelta(microseconds=value) for value in column.cast(pa.int64()).to_pylist()]
    values: list[Any] = column.to_pylist()
    if name not in _AS_JSON:
        return values
    decoder = msgspec.json.Decoder(_AS_JSON[name])
    return [decoder.decode(value) for value in values]
