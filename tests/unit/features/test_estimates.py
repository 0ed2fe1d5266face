"""Estimates of rows from a statement's plan and the sizes of its tables."""

import math
from collections.abc import Mapping

import numpy as np
import pytest

from smart_routing.features.estimates import ESTIMATES, estimates
from smart_routing.features.facts import read_facts

SIZES: Mapping[str, float] = {"big": 1_000_000, "mid": 10_000, "small": 100, "unknown": math.nan}
DOUBLING = ", ".join(f"a{n} as (select * from a{n - 1}, a{n - 1} b)" for n in range(1, 99))


def found(sql: str) -> dict[str, float]:
    facts = read_facts(sql)
    return dict(zip(ESTIMATES, estimates(facts.plan, [SIZES[table.table] for table in facts.tables]), strict=True))


def test_a_scan_reads_all_rows_of_all_columns() -> None:
    scan = found("select a, b from big where c > 1")
    assert (scan["scanned_rows"], scan["scanned_cells"], scan["build_rows"]) == (1_000_000, 3_000_000, 0)


def test_a_linked_join_has_the_rows_of_its_largest_table_and_builds_the_others() -> None:
    join = found("select 1 from big b join mid m on b.k = m.k join small s on m.j = s.j")
    assert (join["joined_rows"], join["build_rows"]) == (1_000_000, 10_100)


@pytest.mark.parametrize(
    "sql",
    [
        "select 1 from big b, mid m where b.k = m.k",
        "select 1 from big b join mid m using (k)",
        "select 1 from big, mid where b_k = m_k",
        "select 1 from big b join mid m on (b.k = m.k and (b.j = m.j))",
    ],
    ids=["comma", "using", "no qualifiers", "brackets"],
)
def test_however_a_join_is_written_it_is_linked(sql: str) -> None:
    assert found(sql)["joined_rows"] <= 1_000_000


def test_sources_that_nothing_links_multiply() -> None:
    assert found("select 1 from big b, mid m where b.x > m.y")["joined_rows"] == pytest.approx(0.4 * 1e10)
    assert found("select 1 from big cross join mid")["joined_rows"] == 1e10


def test_filters_keep_fewer_rows_and_a_chain_of_them_fewer_still() -> None:
    one = found("select 1 from big b join mid m on b.k = m.k where m.x = 1")["joined_rows"]
    two = found("select 1 from big b join mid m on b.k = m.k where m.x = 1 and b.y > 2")["joined_rows"]
    assert two < one < 1_000_000


def test_a_limit_ends_a_stream_early_and_a_sort_does_not() -> None:
    assert found("select * from big limit 10")["processed_rows"] == 0
    assert found("select * from big order by a limit 10")["processed_rows"] == 1_000_000


def test_inner_queries_are_read_and_their_rows_go_on() -> None:
    nested = found(
        "with c as (select k from mid limit 50) select 1 from big b join c on b.k = c.k "
        "where b.z in (select z from small)"
    )
    assert nested["scanned_rows"] == 1_010_100
    assert nested["build_rows"] == 50


def test_a_lateral_query_is_read() -> None:
    assert (
        found("select 1 from small s cross join lateral (select * from mid m where m.k = s.k) l")["scanned_rows"]
        == 10_100
    )


def test_case_changes_nothing() -> None:
    sql = "select b.a from big b join mid m on b.k = m.k where b.A > 1"
    assert found(sql) == found(sql.upper().replace("BIG", "big").replace("MID", "mid"))


def test_a_grouped_query_gives_fewer_rows_than_it_reads() -> None:
    grouped = found("select 1 from (select a, count(*) from big group by a) g, small s")
    assert 1_000_000 < grouped["joined_rows"] < 1_000_000 * 100


def test_branches_of_a_union_add_up() -> None:
    assert (
        found("select 1 from (select a from mid union all select a from small) u, small s")["joined_rows"]
        == 10_100 * 100
    )


@pytest.mark.parametrize("sql", ["select 1", "selec broken", "select * from unknown", "show tables"])
def test_nothing_is_estimated_where_no_size_is_known(sql: str) -> None:
    assert all(math.isnan(value) for value in found(sql).values())


@pytest.mark.parametrize(
    "sql",
    [
        "select 1 from " + ", ".join(f"big t{n}" for n in range(900)),
        "select 1 from big where " + " and ".join(f"a{n} = {n}" for n in range(700)),
        "select 1 from big where " + " or ".join(f"a{n} = {n}" for n in range(700)),
        " union all ".join(["select a from big"] * 450),
        "select 1 from " + "(select * from " * 50 + "big" + ") t" * 50,
        "select 1 from big where " + "(a = 1 and " * 50 + "true" + ")" * 50,
        f"with a0 as (select * from big), {DOUBLING} select * from a98",
    ],
    ids=["many tables", "and", "or", "union", "nested", "brackets", "doubling"],
)
def test_estimates_of_a_hostile_statement_are_finite(sql: str) -> None:
    assert all(math.isfinite(value) for value in found(sql).values())


@pytest.mark.parametrize(
    "count", ["²", '"²"', "1" + 40 * "0", "1" + 400 * "0"], ids=["power", "name", "wide", "endless"]
)
def test_no_limit_is_too_odd_for_a_vector(count: str) -> None:
    facts = read_facts(f"select 1 from big limit {count}")
    assert not np.isinf(facts.values).any()
