"""The query log store: what every implementation offers, and which one a URL means."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Final, Protocol

from smart_routing.querylog.parts import open_parts
from smart_routing.querylog.records import QueryRecord

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

POSTGRES_SCHEMES: Final = ("postgresql://", "postgres://")


@dataclass(frozen=True, slots=True)
class AppendResult:
    """How many records were new, or put an end to a running one, and how many the store had already.

    Of several records of an id in one append only one is new.
    """

    added: int
    duplicates: int


class QueryLogStore(Protocol):
    """Append-only; a record is known by its query id. Failures of the storage raise `QueryLogError`.

    A record of a running statement stands in for the finished one and gives way to it, whichever comes first.
    """

    def append(self, records: Iterable[QueryRecord]) -> AppendResult:
        """Adds what is not stored yet. All or none: if `records` raises, nothing is stored."""
        ...

    def read(self, *, since: datetime | None = None, until: datetime | None = None) -> Iterator[QueryRecord]:
        """Records created in [since, until), both timezone-aware, by (create_time, query_id), each id once."""
        ...

    def days(self) -> list[date]:
        """UTC days of creation that have records, ascending."""
        ...

    def delete_before(self, day: date, *, dry_run: bool = False) -> int:
        """Removes the records created on UTC days before `day`, and tells how many are, or would be, gone.

        One that was stored by two appends at once counts twice. Who writes meanwhile is not disturbed, unless it writes
        to those very days: it may have to try again, and what it adds then stays until the next time.
        """
        ...


def open_store(url: str, *, s3: "S3Client | None" = None) -> QueryLogStore:
    """The store at a folder path, `s3://bucket/prefix` (which needs a client) or `postgresql://...`.

    Opening touches nothing; a store that does not exist yet is empty and is created by the first append.
    """
    # The serving environment has neither pyarrow nor psycopg2: each comes in with the store that needs it.
    if url.startswith(POSTGRES_SCHEMES):
        from smart_routing.querylog.postgres import PostgresStore

        return PostgresStore(url)
    from smart_routing.querylog.parquet import ParquetStore

    return ParquetStore(open_parts(url, s3))


def utc(moment: datetime) -> datetime:
    """The same moment in UTC; raises `ValueError` if it has no time zone."""
    if moment.tzinfo is None:
        raise ValueError(f"{moment} has no time zone: expected an aware datetime")
    return moment.astimezone(UTC)
