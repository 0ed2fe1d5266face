"""The tenants' schemas, made from Trino's own generators, and put back as they were after a run."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from benchmarks.workload.client import Submission, TrinoClient
from benchmarks.workload.stars import TABLES
from benchmarks.workload.tenants import CATALOG, Tenant

STATEMENT_SECONDS: Final = 900.0
TENANTS_AT_ONCE: Final = 2
Plan = Callable[[Tenant], list[str]]


class PreparationError(Exception):
    """A table could not be made."""


def whole(tenant: Tenant) -> list[str]:
    """The statements that make all of a tenant anew: its tables and an empty mart."""
    return _schema(tenant) + _mart(tenant)


def changed(tenant: Tenant) -> list[str]:
    """Those that put back what a run changes: tables that grow, and the mart."""
    return (_schema(tenant) if tenant.doubles else []) + (_mart(tenant) if tenant.etl else [])


async def prepare(client: TrinoClient, urls: Sequence[str], tenants: Iterable[Tenant], plan: Plan) -> None:
    """Runs the plan of every tenant, the largest first, `TENANTS_AT_ONCE` on each coordinator.

    Raises `PreparationError`.
    """
    waiting = sorted(tenants, key=lambda tenant: tenant.scale)

    async def work(url: str) -> None:
        while waiting:
            for sql in plan(waiting.pop()):
                await _make(client, url, sql)

    try:
        async with asyncio.TaskGroup() as group:
            for url in (url for url in urls for _ in range(TENANTS_AT_ONCE)):
                group.create_task(work(url))
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None


async def _make(client: TrinoClient, url: str, sql: str) -> None:
    submission = Submission(
        sql=sql, user="preparation", source="preparation", schema="", token="", seconds=STATEMENT_SECONDS
    )
    answer = await client.run(url, submission)
    if answer.error is not None:
        raise PreparationError(f"{answer.error}: {sql}")


def _schema(tenant: Tenant) -> list[str]:
    name = f"{CATALOG}.{tenant.schema}"
    source = f'{tenant.data}."sf{tenant.scale}"'
    tables = [f"create table {name}.{table} as select * from {source}.{table}" for table in TABLES[tenant.data]]
    return [f"drop schema if exists {name} cascade", f"create schema {name}", *tables]


def _mart(tenant: Tenant) -> list[str]:
    name = f"{CATALOG}.{tenant.mart}"
    return [f"drop schema if exists {name} cascade", f"create schema {name}"]
