"""Features of who asks, where and when, and of the tables that the statement names."""

from collections.abc import Callable, Iterable
from functools import lru_cache, wraps
from hashlib import blake2b
from typing import Final, TypeVar

from smart_routing.features.facts import TableName
from smart_routing.request import Request

BUCKETS: Final = 2**20
"""Names are hashed to this many buckets: a bundle holds no user's name, and two names seldom meet."""

NAMES_KEPT: Final = 2**15
"""The names whose hash is remembered: nearly every statement has the user, source and tables of another."""

LONGEST_KEPT: Final = 256
"""Characters of such a name: a statement may be one name, and the memory of a router is not for anybody to fill."""

Hash = TypeVar("Hash")

CONTEXT_FIELDS: Final = ("user", "source", "catalog", "schema", "table")


def remembering(of: Callable[[str, str], Hash]) -> Callable[[str, str], Hash]:
    """A function of what a name is of, and the name, that remembers its last results."""
    remembered = lru_cache(maxsize=NAMES_KEPT)(of)

    @wraps(of)
    def hashed(subject: str, name: str) -> Hash:
        return remembered(subject, name) if len(name) <= LONGEST_KEPT else of(subject, name)

    return hashed


@remembering
def bucket(field: str, name: str) -> str:
    """The bucket of a name, as it stands in a vocabulary: `user#0a1b2`."""
    digest = blake2b(f"{field}={name}".encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return f"{field}#{int.from_bytes(digest, 'big') % BUCKETS:05x}"


def context_buckets(request: Request, tables: Iterable[str]) -> tuple[str, ...]:
    """Buckets of the user, source, catalog, schema and every table; an absent name has a bucket of its own.

    `tables` are those of `table_names`.
    """
    catalog, schema = request.catalog or "", request.schema or ""
    named = (
        bucket("user", request.user),
        bucket("source", request.source or ""),
        bucket("catalog", catalog),
        bucket("schema", f"{catalog}.{schema}"),
    )
    return named + tuple(bucket("table", name) for name in tables)


def table_names(request: Request, tables: Iterable[TableName]) -> tuple[str, ...]:
    """Full names, sorted, of the tables that a statement names."""
    return tuple(sorted({full_name(request, table) for table in tables}))


def full_name(request: Request, table: TableName) -> str:
    """In lower case, completed with the session's catalog and schema, as Trino would."""
    return f"{table.catalog or request.catalog or ''}.{table.schema or request.schema or ''}.{table.table}".lower()


def completed(request: Request, table: TableName) -> TableName:
    """With the session's catalog and schema where the statement names none; empty where there is none either."""
    return TableName(
        catalog=table.catalog or request.catalog or "", schema=table.schema or request.schema or "", table=table.table
    )


TimeFeature = Callable[[Request], float]


def hour_of_day(request: Request) -> float:
    """0 to 23, UTC."""
    return float(request.submitted_utc.hour)


def day_of_week(request: Request) -> float:
    """0 (Monday) to 6, UTC."""
    return float(request.submitted_utc.weekday())


TIME_FEATURES: Final[tuple[TimeFeature, ...]] = (hour_of_day, day_of_week)
