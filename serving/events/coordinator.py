"""`Coordinator`: what a Trino coordinator tells over REST of the statements that run now."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Final, TypeVar
from urllib.parse import quote

import httpx
import msgspec
from msgspec import Meta, Raw

from smart_routing.errors import CoordinatorAnswerError, CoordinatorError
from smart_routing.querylog.events import InputWire
from smart_routing.querylog.records import RUNNING, QueryRecord
from smart_routing.querylog.units import data_size_bytes, duration_seconds

TIMEOUT: Final = httpx.Timeout(10.0, connect=2.0)
QUERIES: Final = "/v1/query"
INFO: Final = "/v1/info"

Answer = TypeVar("Answer")


class _Wire(msgspec.Struct, rename="camel"):
    """A part of an answer; fields that are not named here are ignored."""


class _Statistics(_Wire):
    create_time: Annotated[datetime, Meta(tz=True)]
    total_cpu_time: str
    peak_user_memory_reservation: str


class _Listed(_Wire):
    query_id: str
    query_stats: _Statistics


class _Session(_Wire):
    user: str
    source: str | None = None
    catalog: str | None = None
    schema: str | None = None
    trace_token: str | None = None
    system_properties: dict[str, str] = {}
    catalog_properties: dict[str, dict[str, str]] = {}

    def properties(self) -> dict[str, str]:
        """As Trino's events have them: those of a catalog are named after it."""
        of_catalogs = {
            f"{catalog}.{name}": value
            for catalog, properties in self.catalog_properties.items()
            for name, value in properties.items()
        }
        return {**self.system_properties, **of_catalogs}


class _Query(_Wire):
    query_id: str
    state: str
    query: str
    session: _Session
    query_stats: _Statistics
    prepared_query: str | None = None
    query_type: str | None = None
    inputs: list[InputWire] = []


class _Info(_Wire):
    environment: str


@dataclass(frozen=True, slots=True)
class RunningStatement:
    """A statement that runs: CPU seconds and peak bytes of user memory so far."""

    query_id: str
    cpu_seconds: float
    peak_memory_bytes: int


class Coordinator:
    """The coordinator at `url`. `http` sends the user as whom it asks, who must be allowed to see all queries."""

    def __init__(self, url: str, http: httpx.Client) -> None:
        self.url = url
        self._http = http

    def listed(self) -> list[Raw]:
        """An entry for each statement that runs now, for `statement`; raises `CoordinatorError`."""
        return self._read(self._get(f"{QUERIES}?state=RUNNING").content, list[Raw], path=QUERIES)

    def statement(self, entry: Raw) -> RunningStatement:
        """Raises `CoordinatorAnswerError` for an entry that cannot be read."""
        listed = self._read(entry, _Listed, path=QUERIES)
        return self._statement(listed.query_id, listed.query_stats)

    def record(self, query_id: str, *, now: datetime) -> QueryRecord | None:
        """What is known of it, as of `now` (UTC); None if it does not run any more. Raises `CoordinatorError`."""
        path = f"{QUERIES}/{quote(query_id)}"
        reply = self._get(f"{path}?pruned=true", accept=(httpx.codes.NOT_FOUND, httpx.codes.GONE))
        if not reply.is_success:
            return None
        query = self._read(reply.content, _Query, path=path)
        if query.state != RUNNING:
            return None
        info = self._read(self._get(INFO).content, _Info, path=INFO)
        return _record(query, self._statement(query.query_id, query.query_stats), cluster=info.environment, now=now)

    def _statement(self, query_id: str, statistics: _Statistics) -> RunningStatement:
        try:
            return RunningStatement(
                query_id,
                duration_seconds(statistics.total_cpu_time),
                data_size_bytes(statistics.peak_user_memory_reservation),
            )
        except ValueError as error:
            raise CoordinatorAnswerError(f"coordinator {self.url}: query {query_id}: {error}") from error

    def _get(self, path: str, *, accept: tuple[int, ...] = ()) -> httpx.Response:
        try:
            reply = self._http.get(f"{self.url}{path}")
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise CoordinatorError(f"coordinator {self.url} cannot be asked: {type(error).__name__}") from error
        if reply.is_success or reply.status_code in accept:
            return reply
        asked = path.partition("?")[0]
        raise CoordinatorAnswerError(f"coordinator {self.url} answers {reply.status_code} to GET {asked}")

    def _read(self, content: bytes | Raw, kind: type[Answer], *, path: str) -> Answer:
        try:
            return msgspec.json.decode(content, type=kind)
        except msgspec.DecodeError as error:
            complaint = f"coordinator {self.url} answers GET {path} with something else: {error}"
            raise CoordinatorAnswerError(complaint) from error


def _record(query: _Query, statement: RunningStatement, *, cluster: str, now: datetime) -> QueryRecord:
    created = query.query_stats.create_time.astimezone(UTC)
    seen = max(now, created)  # the coordinator's clock may be ahead of ours
    session = query.session
    return QueryRecord(
        query_id=query.query_id,
        sql=query.query,
        prepared_sql=query.prepared_query,
        user=session.user,
        source=session.source,
        catalog=session.catalog,
        schema=session.schema,
        cluster=cluster,
        query_type=query.query_type,
        state=RUNNING,
        cpu_seconds=statement.cpu_seconds,
        wall_seconds=(seen - created).total_seconds(),
        peak_memory_bytes=statement.peak_memory_bytes,
        create_time=created,
        end_time=seen,
        trace_token=session.trace_token,
        session_properties=session.properties(),
        inputs=tuple(one.table_input() for one in query.inputs),
    )
