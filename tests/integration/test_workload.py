"""The workload on a real Trino: every statement is good SQL, every run leaves its event."""

from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from benchmarks.workload import data
from benchmarks.workload.adhoc import ad_hoc
from benchmarks.workload.dashboards import TILES
from benchmarks.workload.driver import Bounds
from benchmarks.workload.fleet import Cluster, Fleet, Leg, fleet
from benchmarks.workload.literals import fill
from benchmarks.workload.placement import LARGE, some_rerun
from benchmarks.workload.schedule import Schedule, Statement, make_schedule
from benchmarks.workload.sink import write_log
from benchmarks.workload.stars import STARS
from benchmarks.workload.tenants import Data, Role, Tenant
from benchmarks.workload.truth import summarise, tokens
from smart_routing.querylog.source import read_query_log

pytestmark = pytest.mark.service

TENANTS = (
    Tenant(name="ads", scale=0.01, doubles=(0.3,), etl="airflow"),
    Tenant(name="retail", scale=0.01, data=Data.TPCDS, arrives=0.5),
)


@pytest.fixture(scope="module")
def clusters(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with fleet((Cluster(LARGE, LARGE),), tmp_path_factory.mktemp("workload")) as running:
        running.prepare(TENANTS, data.whole)
        yield running


def leg(name: str, schedule: Schedule) -> Leg:
    async def only(_: Statement) -> str:
        return LARGE

    return Leg(name=name, schedule=schedule, place=lambda _: only, rerun=some_rerun)


def test_every_run_leaves_its_event_in_a_log_that_can_be_read(clusters: Fleet, tmp_path: Path) -> None:
    schedule = make_schedule(5, seconds=10, per_second=3.0, tenants=TENANTS)
    result = clusters.run(leg("run", schedule), bounds=Bounds(drain_seconds=180))
    summary = summarise(result.drive, result.events, driver_cpu_seconds=result.driver_cpu_seconds)
    assert (summary.unfinished, summary.statements) == (0, len(schedule.statements))
    assert set(result.events) == set(tokens(result.drive.outcomes))
    errors = [(one.error, one.statement.sql) for one in result.drive.outcomes if one.statement.role is not Role.ANALYST]
    assert [error for error, _ in errors if error] == []
    write_log(result.events.values(), tmp_path / "events.jsonl.gz")
    records = list(read_query_log(tmp_path, rejects=None))
    assert len(records) == summary.attempts
    assert {record.user for record in records} == {one.user for one in schedule.statements}


def test_statements_of_analysts_and_dashboards_are_valid(clusters: Fleet) -> None:
    random = Random(9)
    drawn = [(tenant, ad_hoc(random, STARS[tenant.data])) for tenant in TENANTS for _ in range(60)]
    drawn += [(tenant, fill(tile, random)) for tenant in TENANTS for tile in TILES[tenant.data]]
    statements = tuple(
        Statement(
            number=number,
            at=0.0,
            user=f"user{number % 8}",
            source="test",
            tenant=tenant.name,
            schema=tenant.schema,
            role=Role.ANALYST,
            sql=f"explain (type validate) {sql}",
        )
        for number, (tenant, sql) in enumerate(drawn)
    )
    done = clusters.run(leg("valid", Schedule(seed=9, seconds=1, per_second=1, statements=statements))).drive
    assert [(one.error, one.statement.sql) for one in done.outcomes if one.error] == []
    assert len(done.outcomes) == len(statements)


def test_reset_puts_back_what_grew(clusters: Fleet) -> None:
    clusters.prepare(TENANTS, data.changed)
    counted = Statement(
        number=0,
        at=0.0,
        user="ana",
        source="test",
        tenant="ads",
        schema="ads",
        role=Role.ANALYST,
        sql="select 1 / if(count(*) = 15000, 1, 0) from orders",
    )
    done = clusters.run(leg("reset", Schedule(seed=9, seconds=1, per_second=1, statements=(counted,)))).drive
    assert [one.error for one in done.outcomes] == [None]
