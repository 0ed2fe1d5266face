"""The query log store in PostgreSQL: one table, each event once."""

from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import msgspec
import psycopg2
from psycopg2.extras import execute_values

from smart_routing.errors import QueryLogError
from smart_routing.querylog.records import QueryRecord
from smart_routing.querylog.store import AppendResult, utc

if TYPE_CHECKING:
    from psycopg2 import extensions

_CONNECT_SECONDS: Final = 10
_ROWS_PER_PAGE: Final = 500
_CREATION_LOCK: Final = 4_760_001
"""Any number that no other program of the database locks: CREATE IF NOT EXISTS alone fails when two run at once."""

_CREATE: Final = """
create table if not exists query_log (
    query_id text collate "C" primary key,
    create_time timestamptz not null,
    record json not null  -- not jsonb, which refuses the character U+0000
);
create index if not exists query_log_create_time on query_log (create_time, query_id);
alter table query_log add column if not exists running boolean not null default false
"""
_IS_PREPARED: Final = """
select count(*) > 0 from pg_attribute where attrelid = to_regclass('query_log') and attname = 'running'
"""
_STAGE: Final = "create temporary table incoming (like query_log) on commit drop"
_FILL: Final = "insert into incoming (query_id, create_time, record, running) values %s"
# Ids are inserted in one order by everyone, so appends that overlap wait for each other and never deadlock.
_PUBLISH: Final = """
insert into query_log as stored (query_id, create_time, record, running)
select distinct on (query_id) query_id, create_time, record, running from incoming
order by query_id, running, create_time
on conflict (query_id) do update set create_time = excluded.create_time, record = excluded.record, running = false
where stored.running and not excluded.running
"""
_READ: Final = """
select record::text from query_log
where create_time >= coalesce(%(since)s, '-infinity'::timestamptz)
  and create_time < coalesce(%(until)s, 'infinity'::timestamptz)
order by create_time, query_id
"""
_DAYS: Final = "select distinct (create_time at time zone 'UTC')::date from query_log order by 1"
_COUNT_BEFORE: Final = "select count(*) from query_log where create_time < %s"
# Locked in the order that appends insert in, so that neither waits for the other in a circle.
_DELETE_BEFORE: Final = """
delete from query_log using (
    select query_id from query_log where create_time < %s order by query_id for update
) as old where query_log.query_id = old.query_id
"""


class PostgresStore:
    """A `QueryLogStore` in the table `query_log` of the database at `url`, made by the first append."""

    def __init__(self, url: str) -> None:
        self._url = url

    def append(self, records: Iterable[QueryRecord]) -> AppendResult:
        with self._connection() as connection, connection.cursor() as cursor:
            _prepare(connection)
            cursor.execute(_STAGE)
            execute_values(cursor, _FILL, map(_row, records), page_size=_ROWS_PER_PAGE)
            cursor.execute("select count(*) from incoming")
            seen = int((cursor.fetchone() or (0,))[0])
            cursor.execute(_PUBLISH)
            added = cursor.rowcount
            connection.commit()
            return AppendResult(added=added, duplicates=seen - added)

    def read(self, *, since: datetime | None = None, until: datetime | None = None) -> Iterator[QueryRecord]:
        return self._read({"since": since and utc(since), "until": until and utc(until)})

    def days(self) -> list[date]:
        with self._connection() as connection, connection.cursor() as cursor:
            if not _exists(connection):
                return []
            cursor.execute(_DAYS)
            return [day for (day,) in cursor]

    def delete_before(self, day: date, *, dry_run: bool = False) -> int:
        midnight = datetime.combine(day, time(), UTC)
        with self._connection() as connection, connection.cursor() as cursor:
            if not _exists(connection):
                return 0
            if dry_run:
                cursor.execute(_COUNT_BEFORE, (midnight,))
                return int((cursor.fetchone() or (0,))[0])
            cursor.execute(_DELETE_BEFORE, (midnight,))
            connection.commit()
            return cursor.rowcount

    def _read(self, bounds: dict[str, datetime | None]) -> Iterator[QueryRecord]:
        decoder = msgspec.json.Decoder(QueryRecord)
        with self._connection() as connection:
            if not _exists(connection):
                return
            with connection.cursor("query_log_read") as rows:
                rows.execute(_READ, bounds)
                yield from (decoder.decode(text) for (text,) in rows)

    @contextmanager
    def _connection(self) -> Iterator["extensions.connection"]:
        """One connection, closed at the end; what was not committed is rolled back."""
        try:
            with closing(psycopg2.connect(self._url, connect_timeout=_CONNECT_SECONDS)) as connection:
                yield connection
        except psycopg2.Error as error:
            place = urlsplit(self._url)
            reason = " ".join(str(error).split())
            raise QueryLogError(f"query log in PostgreSQL at {place.hostname}{place.path}: {reason}") from error


def _exists(connection: "extensions.connection") -> bool:
    with connection.cursor() as cursor:
        cursor.execute("select to_regclass('query_log') is not null")
        return bool((cursor.fetchone() or (False,))[0])


def _prepare(connection: "extensions.connection") -> None:
    """Makes the table, or adds what a table of an earlier release lacks."""
    if _is_prepared(connection):
        return
    with connection.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock(%s)", (_CREATION_LOCK,))
        if not _is_prepared(connection):  # else ALTER TABLE would wait for appends that wait for it
            cursor.execute(_CREATE)
    connection.commit()


def _is_prepared(connection: "extensions.connection") -> bool:
    with connection.cursor() as cursor:
        cursor.execute(_IS_PREPARED)
        return bool((cursor.fetchone() or (False,))[0])


def _row(record: QueryRecord) -> tuple[str, datetime, str, bool]:
    return record.query_id, record.create_time, msgspec.json.encode(record).decode(), record.running
