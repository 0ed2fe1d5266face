"""Runs of made-up statements, for tests of the history."""

from datetime import UTC, datetime, timedelta

from smart_routing.features.context import table_names
from smart_routing.features.facts import read_facts
from smart_routing.history.keys import HistoryKeys
from smart_routing.history.timeline import Run
from smart_routing.querylog.records import TableInput
from smart_routing.request import Request

NOW = datetime(2026, 10, 14, 12, tzinfo=UTC)


def keys_of(
    sql: str = "select * from a join b using (x)", *, user: str = "ana", source: str = "trino-cli"
) -> HistoryKeys:
    request = Request(query_id="q", sql=sql, user=user, source=source, catalog="lake", schema="ads", submitted_at=NOW)
    facts = read_facts(sql)
    return HistoryKeys.of(request, facts.template, table_names(request, facts.tables))


def ran(
    *,
    hours_ago: float = 1.0,
    cpu: float = 1.0,
    memory: int = 100,
    heavy: bool = False,
    keys: HistoryKeys | None = None,
    rows: int | None = None,
    table: str = "a",
) -> Run:
    scan = TableInput(catalog="lake", schema="ads", table=table, physical_bytes=10 * (rows or 0), physical_rows=rows)
    return Run(
        keys=keys or keys_of(),
        ended_at=NOW - timedelta(hours=hours_ago),
        heavy=heavy,
        cpu_seconds=cpu,
        memory_bytes=memory,
        inputs=() if rows is None else (scan,),
    )
