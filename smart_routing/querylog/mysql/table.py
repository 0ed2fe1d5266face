"""Reads `trino_queries` where Trino's MySQL event listener writes it: a MySQL or MariaDB server."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.parse import unquote, urlsplit

import msgspec

from smart_routing.errors import QueryLogError
from smart_routing.logs import redact
from smart_routing.querylog.entries import Entry, EventSource
from smart_routing.querylog.mysql.rows import COLUMNS, read_row

if TYPE_CHECKING:
    from pymysql import Connection
    from pymysql.cursors import SSDictCursor

SCHEME: Final = "mysql://"
_TABLE: Final = "trino_queries"
_OPTION_FILE: Final = "~/.my.cnf"
_OPTION_GROUP: Final = "smart-routing"
_PORT: Final = 3306
_CONNECT_SECONDS: Final = 10
_READ_SECONDS: Final = 300


@dataclass(frozen=True, slots=True)
class MysqlAddress:
    """`mysql://user:password@host:port/database`; user and password may be in ~/.my.cnf, under `[smart-routing]`."""

    host: str
    port: int
    database: str
    user: str | None = field(default=None, repr=False)
    password: str = field(default="", repr=False)

    @classmethod
    def parse(cls, url: str) -> Self:
        """Raises `QueryLogError` for a URL without a host or a database."""
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError as error:
            raise QueryLogError(f"{redact(url)}: {error}; expected mysql://user:password@host:port/database") from error
        database = unquote(parts.path.strip("/"))
        if not host or not database or "/" in database:
            raise QueryLogError(f"{redact(url)} names no database: expected mysql://user:password@host:port/database")
        user = unquote(parts.username) if parts.username else None
        return cls(host, port or _PORT, database, user, unquote(parts.password or ""))

    def __str__(self) -> str:
        return f"{SCHEME}{self.host}:{self.port}/{self.database}"


def source_of_table(url: str) -> EventSource:
    """The rows in the order of their ids; raises `QueryLogError` for a URL that is none. Nothing is connected yet."""
    address = MysqlAddress.parse(url)
    return EventSource(f"{address}/{_TABLE}", lambda: _entries(address))


def _entries(address: MysqlAddress) -> Iterator[Entry]:
    with _failures(address), closing(_connect(address)) as connection, connection.cursor() as cursor:
        columns = ", ".join(f"`{column}`" for column in COLUMNS)
        cursor.execute(f"select {columns} from {_TABLE} order by query_id")  # noqa: S608 - names of our own
        for number, row in enumerate(cursor, start=1):
            yield Entry(number, msgspec.json.encode(row), read_row(row))


def _connect(address: MysqlAddress) -> "Connection[SSDictCursor]":
    import pymysql  # only those who read a database need it
    from pymysql.cursors import SSDictCursor

    options: dict[str, Any] = {"connect_timeout": _CONNECT_SECONDS, "read_timeout": _READ_SECONDS}
    return pymysql.connect(
        host=address.host,
        port=address.port,
        user=address.user,
        password=address.password,
        database=address.database,
        charset="utf8mb4",
        cursorclass=SSDictCursor,  # rows as they come: a whole table does not fit into memory
        read_default_file=_OPTION_FILE,
        read_default_group=_OPTION_GROUP,  # not "client", whose socket would replace the host
        **options,
    )


@contextmanager
def _failures(address: MysqlAddress) -> Iterator[None]:
    """Turns what the server refuses into a one-line `QueryLogError`."""
    from pymysql import MySQLError

    try:
        yield
    except MySQLError as error:
        reason = " ".join(redact(str(error.args[-1] if error.args else error)).split())
        raise QueryLogError(f"query log in MySQL at {address}: {reason}") from error
