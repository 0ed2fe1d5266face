"""A Trino fleet behind its gateway, asked as users ask it, and which cluster ran a statement by Trino's own word."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
import trino

from infra.local.loop import EVENTS
from infra.local.processes import LOOPBACK
from infra.local.scale import SCALED_RULE_ARGUMENTS
from infra.local.stack.state import Stack
from infra.local.stack.supervisor import Supervisor
from smart_routing.decision_log import LoggedDecision, read_decisions
from smart_routing.protocol import ROUTE_PATH
from smart_routing.querylog.records import QueryRecord
from smart_routing.querylog.store import open_store
from smart_routing.rollout import Rollout, Treatment
from smart_routing.routing import Reason
from tests.process_tree import tree
from tests.shell import Shell
from tests.waiting import wait_until

USERS: Final = [name for name in map("user-{}".format, range(20)) if Rollout().treatment(name) == Treatment.FULL]
"""None of the control group, so that each is routed."""

EVENT_SECONDS: Final = 60.0
REQUEST_SECONDS: Final = 30.0
_WHERE: Final = "select q.query_id, n.node_id from system.runtime.queries q cross join system.runtime.nodes n"


@dataclass(frozen=True, slots=True)
class Ran:
    """One statement that Trino took: its id, its rows, and the name of the error that it ended in."""

    query_id: str
    rows: tuple[tuple[Any, ...], ...] = ()
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Who asks, from what, over which tables, with which further headers; a statement has a session of its own."""

    user: str = "ana"
    source: str = "dbeaver"
    catalog: str | None = "tpch"
    schema: str | None = "tiny"
    headers: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class TrinoClient:
    """Trino's Python client at one address, be it a gateway or a coordinator."""

    url: str

    def run(self, sql: str, session: Session | None = None, *, parameters: tuple[Any, ...] | None = None) -> Ran:
        """Runs the statement to its end; with `parameters` it is prepared, and executed under a name.

        Raises what the client raises where Trino did not take the statement: an HTTP status, a lost connection.
        """
        cursor = self.connect(session or Session()).cursor()
        try:
            cursor.execute(sql, params=parameters)
            rows = tuple(tuple(row) for row in cursor.fetchall())
        except trino.exceptions.TrinoQueryError as error:
            return Ran(str(cursor.query_id), error=str(error.error_name))
        return Ran(str(cursor.query_id), rows)

    def connect(self, session: Session, **options: Any) -> trino.dbapi.Connection:
        """A connection for whoever needs more than one statement on it."""
        place = urlsplit(self.url)
        return trino.dbapi.Connection(
            host=place.hostname or "",
            port=place.port,
            user=session.user,
            source=session.source,
            catalog=session.catalog,
            schema=session.schema,
            http_headers=dict(session.headers or {}),
            request_timeout=REQUEST_SECONDS,
            legacy_prepared_statements=True,  # by name, as most clients do; the other way sends EXECUTE IMMEDIATE
            **options,
        )

    def nodes(self) -> dict[str, str]:
        """The node that ran each of the coordinator's latest statements, by query id."""
        return {str(query_id): str(node) for query_id, node in self.run(_WHERE).rows}


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What is sent, by whom, and the group it is to end in where the policy chain leaves no doubt."""

    sql: str
    session: Session
    parameters: tuple[Any, ...] | None = None
    group: str | None = None
    reason: Reason | None = None


@dataclass(frozen=True, slots=True)
class Sent:
    """A statement and what came of it."""

    statement: Statement
    ran: Ran


class Fleet:
    """The stack with a model in production, made from the bundled log, and all that was sent through its gateway."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.shell = Shell(dict(stack.environment))
        self.gateway = TrinoClient(stack.urls["gateway"])
        self.sent: list[Sent] = []
        self._began = datetime.now(UTC)
        self.shell.flow("ingest_query_log", "--events", str(EVENTS))
        self.train_and_promote()

    def send(self, statement: Statement) -> Sent:
        sent = Sent(statement, self.gateway.run(statement.sql, statement.session, parameters=statement.parameters))
        self.sent.append(sent)
        return sent

    def send_all(self, statements: Sequence[Statement]) -> list[Sent]:
        """Two at a time, as many as there are cores."""
        with ThreadPoolExecutor(2) as pool:
            return list(pool.map(self.send, statements))

    @property
    def router_admin_urls(self) -> list[str]:
        """One a worker."""
        _, *admin = next(part for part in self.stack.parts if part.name == "router").ports
        return [f"http://{LOOPBACK}:{port}" for port in admin]

    def router_says(self, name: str) -> list[Any]:
        """A value of /v1/model in each worker."""
        replies = [httpx.get(f"{url}/v1/model", timeout=REQUEST_SECONDS) for url in self.router_admin_urls]
        return [reply.raise_for_status().json()[name] for reply in replies]

    def processes(self, part: str) -> set[int]:
        """The ids of the part's process and of its workers."""
        return tree([Supervisor(self.stack.folder).states()[part].pid])

    @contextmanager
    def without(self, *parts: str) -> Iterator[None]:
        """Parts of the stack are down for the length of the block, and up again after it, however it ends."""
        supervisor = Supervisor(self.stack.folder)
        with ExitStack() as again:
            again.callback(wait_until, lambda: all(supervisor.states()[part].healthy for part in parts), seconds=120)
            for part in parts:
                supervisor.stop_part(part)
                again.callback(supervisor.start_part, part)
            yield

    def nodes(self) -> dict[str, str]:
        """Which node ran which of the latest statements."""
        return {
            query_id: node
            for part in ("trino-small", "trino-large")
            for query_id, node in TrinoClient(self.stack.urls[part]).nodes().items()
        }

    def stored(self) -> dict[str, QueryRecord]:
        """The live statements whose events the query log store has, by query id."""
        ids = {sent.ran.query_id for sent in self.sent}
        store = open_store(self.stack.environment["SMART_ROUTING_QUERY_LOG_STORE"])
        live = store.read(since=self._began)
        return {record.query_id: record for record in live if record.query_id in ids and not record.running}

    def await_events(self) -> dict[str, QueryRecord]:
        wait_until(lambda: len(self.stored()) == len(self.sent), seconds=EVENT_SECONDS)
        return self.stored()

    def decisions(self) -> dict[str, LoggedDecision]:
        """By decision id."""
        folder = Path(self.stack.environment["SMART_ROUTING_SERVING_DECISION_LOG"])
        return {row.decision_id: row for row in read_decisions(folder) if row.decision_id}

    def decision(self, sent: Sent) -> LoggedDecision:
        """The decision about a statement whose event has arrived: joined by trace token."""
        token = self.await_events()[sent.ran.query_id].trace_token
        assert token is not None
        wait_until(lambda: token in self.decisions(), seconds=5)
        return self.decisions()[token]

    def train_and_promote(self, *arguments: str) -> dict[str, Any]:
        trained = self.shell.flow("train_classifier", *SCALED_RULE_ARGUMENTS, *arguments)
        assert trained["passed"], trained["reasons"]
        self.shell.flow("promote_model", "--version", str(trained["version"]))
        wait_until(
            lambda: {version_number(version) for version in self.router_says("version")} == {trained["version"]},
            seconds=90,
        )
        return trained

    def ask(self, statement: Statement) -> dict[str, Any]:
        """What the router says of a statement now, without running it."""
        session = statement.session
        body = {
            "queryId": "asked",
            "user": session.user,
            "source": session.source,
            "sqlText": statement.sql,
            "sessionProperties": {"catalog": session.catalog, "schema": session.schema},
        }
        reply: dict[str, Any] = httpx.post(f"{self.stack.urls['router']}{ROUTE_PATH}", json=body).json()
        return reply


def version_number(version: str | None) -> int | None:
    """7 of v7-0a1b2c."""
    return int(version.removeprefix("v").partition("-")[0]) if version else None
