"""Where a statement goes: by its user's role, in turn, or as the router says; and where it goes after a failure."""

from collections.abc import Iterable
from itertools import cycle
from typing import Final

import httpx
import msgspec

from benchmarks.workload.client import Answer, Submission, TrinoClient
from benchmarks.workload.driver import Attempt, Execute
from benchmarks.workload.schedule import Statement
from benchmarks.workload.tenants import CATALOG, Role
from smart_routing.labels import SIZE_ERROR_CODES
from smart_routing.protocol import ROUTE_PATH

SMALL: Final = "small"
LARGE: Final = "large"
WRITERS: Final = frozenset({Role.ETL, Role.LOADER})


async def by_role(statement: Statement) -> str:
    """As fleets are run without a router: people and their tools on small, what writes on large."""
    return LARGE if statement.role in WRITERS else SMALL


class RoundRobin:
    """Each cluster in turn."""

    def __init__(self, clusters: Iterable[str]) -> None:
        self._turn = cycle(clusters)

    async def __call__(self, statement: Statement) -> str:  # noqa: ARG002 - a placement is asked about a statement
        return next(self._turn)


class _Reply(msgspec.Struct, rename="camel"):
    target_cluster: str


class ByRouter:
    """The cluster that POST /v1/route names; its groups are the names of the clusters."""

    def __init__(self, http: httpx.AsyncClient, url: str) -> None:
        self._http = http
        self._url = f"{url}{ROUTE_PATH}"

    async def __call__(self, statement: Statement) -> str:
        """Raises `httpx.HTTPError` where the router does not answer as it should."""
        body = {
            "queryId": f"workload-{statement.number}",
            "user": statement.user,
            "source": statement.source,
            "sqlText": statement.sql,
            "sessionProperties": {"catalog": CATALOG, "schema": statement.schema},
        }
        reply = (await self._http.post(self._url, json=body)).raise_for_status()
        return msgspec.json.decode(reply.content, type=_Reply).target_cluster


def some_rerun(statement: Statement, attempt: Attempt) -> str | None:
    """To large after a failure for size on small, where the plan says that the user tries again."""
    return all_rerun(statement, attempt) if statement.reruns else None


def all_rerun(statement: Statement, attempt: Attempt) -> str | None:  # noqa: ARG001 - as `Rerun` has it
    """To large after every failure for size on small, at once."""
    return LARGE if attempt.cluster == SMALL and attempt.error in SIZE_ERROR_CODES else None


def executor(client: TrinoClient, urls: dict[str, str], *, seconds: float) -> Execute:
    """Runs statements on the clusters of `urls`; each is cancelled after `seconds`, or when its user gives up."""

    async def execute(statement: Statement, cluster: str, token: str) -> Answer:
        submission = Submission(
            sql=statement.sql,
            user=statement.user,
            source=statement.source,
            schema=statement.schema,
            token=token,
            seconds=min(seconds, statement.cancel_after or seconds),
        )
        return await client.run(urls[cluster], submission)

    return execute
