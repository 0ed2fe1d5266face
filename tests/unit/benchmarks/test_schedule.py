"""The plan of a workload: reproducible, bounded, and of everything that a fleet sees."""

import logging
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from math import inf, nan
from random import Random
from statistics import mean, stdev

import pytest
import sqlglot

from benchmarks.workload.adhoc import SHAPES, ad_hoc
from benchmarks.workload.data import changed, whole
from benchmarks.workload.schedule import Schedule, make_schedule, poisson
from benchmarks.workload.stars import STARS, TABLES
from benchmarks.workload.tenants import TENANTS, Data, Role, Tenant
from smart_routing.errors import InputError

FIRST_OF_SEED_7 = (
    0.29,
    "ana.search",
    "select l.l_partkey, l.l_returnflag\nfrom lineitem l\n"
    "join partsupp ps on l.l_partkey = ps.ps_partkey and l.l_suppkey = ps.ps_suppkey\n"
    "where l.l_comment like '%pending%'\n  and l.l_orderkey = 6316\n  and l.l_quantity < 8\nlimit 1000",
)


@pytest.fixture(scope="module")
def schedule() -> Schedule:
    return make_schedule(7, seconds=1200, per_second=1.5)


def test_same_seed_gives_the_same_statements_at_the_same_times(schedule: Schedule) -> None:
    again = make_schedule(7, seconds=1200, per_second=1.5)
    assert again == schedule
    assert again.digest == schedule.digest


def test_plan_of_a_seed_is_what_it_was() -> None:
    first = make_schedule(7, seconds=60, per_second=1.0).statements[0]
    assert (round(first.at, 3), first.user, first.sql) == FIRST_OF_SEED_7


def test_another_seed_gives_others(schedule: Schedule) -> None:
    other = make_schedule(8, seconds=1200, per_second=1.5)
    assert other.digest != schedule.digest
    assert {one.at for one in other.statements if one.role is Role.ANALYST}.isdisjoint(
        one.at for one in schedule.statements if one.role is Role.ANALYST
    )


def test_statements_are_numbered_in_order_of_arrival(schedule: Schedule) -> None:
    assert [one.number for one in schedule.statements] == list(range(len(schedule.statements)))
    assert all(0 <= one.at < schedule.seconds for one in schedule.statements)
    assert [one.at for one in schedule.statements] == sorted(one.at for one in schedule.statements)


def test_arrivals_come_at_the_rate_that_was_asked_for(schedule: Schedule) -> None:
    assert len(schedule.statements) / schedule.seconds == pytest.approx(1.5, rel=0.15)


def test_every_kind_of_statement_is_there(schedule: Schedule) -> None:
    assert {one.role for one in schedule.statements} == set(Role)
    words = Counter(one.sql.split(maxsplit=1)[0] for one in schedule.statements)
    assert {"select", "create", "insert", "merge", "delete", "show", "describe", "explain", "drop"} <= words.keys()
    cancelled = [one for one in schedule.statements if one.cancel_after is not None]
    assert 0.005 < len(cancelled) / len(schedule.statements) < 0.05


def test_new_tenant_begins_half_way(schedule: Schedule) -> None:
    times = [one.at for one in schedule.statements if one.tenant == "research"]
    assert min(times) >= schedule.seconds / 2


def test_a_tenants_data_doubles_at_its_moments(schedule: Schedule) -> None:
    loads = [one for one in schedule.statements if one.role is Role.LOADER]
    assert [(one.tenant, one.at / schedule.seconds) for one in loads] == [("ads", 0.5)] * 2 + [("ads", 0.65)] * 2
    assert len({one.sql for one in loads}) == 4


def test_a_user_sends_the_same_whoever_else_is_there(schedule: Schedule) -> None:
    weights = [tenant for tenant in TENANTS if tenant.name != "support"]
    alone = make_schedule(7, seconds=1200, per_second=1.5, tenants=(*weights, replace(TENANTS[0], name="other")))
    own = [[one.sql for one in plan.statements if one.user == "ana.supply"] for plan in (schedule, alone)]
    assert own[0] == own[1]


def test_dashboards_refresh_at_fixed_intervals_with_new_literals(schedule: Schedule) -> None:
    tiles = [one for one in schedule.statements if one.user == "svc_superset_finance" and "chart=1 " in one.sql]
    gaps = [second.at - first.at for first, second in pairwise(tiles)]
    assert max(gaps) == pytest.approx(min(gaps))
    templates = {"".join(character for character in one.sql if not character.isdigit()) for one in tiles}
    assert len(templates) == 1


def test_statements_are_bounded_in_number() -> None:
    assert len(make_schedule(7, seconds=1200, per_second=1.5, max_statements=50).statements) == 50


@pytest.mark.parametrize(
    "wrong",
    [{"seconds": 0}, {"seconds": inf}, {"seconds": nan}, {"per_second": -1}, {"max_statements": 0}],
    ids=str,
)
def test_plan_without_extent_is_refused(wrong: dict[str, float]) -> None:
    usual: dict[str, float] = {"seconds": 60, "per_second": 1}
    with pytest.raises(InputError, match=f"{next(iter(wrong))} is .*: expected a finite number above 0"):
        make_schedule(7, **(usual | wrong))  # type: ignore[arg-type]  # the names are checked by the match


def test_poisson_gaps_are_as_wide_as_they_are_spread() -> None:
    moments = list(poisson(Random(1), rate=2.0, begin=10, end=5010))
    gaps = [second - first for first, second in pairwise(moments)]
    assert all(10 <= moment < 5010 for moment in moments)
    assert mean(gaps) == pytest.approx(0.5, rel=0.05)
    assert stdev(gaps) == pytest.approx(0.5, rel=0.05)


def test_statements_of_analysts_parse_and_are_of_many_shapes() -> None:
    random = Random(3)
    for data in Data:
        statements = {ad_hoc(random, STARS[data]) for _ in range(300)}
        assert len(statements) > 280
        for sql in statements:
            tables = {table.name for table in sqlglot.parse_one(sql, read="trino").find_all(sqlglot.exp.Table)}
            assert tables <= {*TABLES[data], "base"}
    assert len(SHAPES) >= 10


def test_data_statements_parse_and_a_reset_touches_only_what_changes(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR, logger="sqlglot")
    for tenant in TENANTS:
        assert all(sqlglot.parse_one(sql, read="trino") for sql in whole(tenant))
        assert set(changed(tenant)) <= set(whole(tenant))
    assert changed(Tenant(name="still", scale=1)) == []
