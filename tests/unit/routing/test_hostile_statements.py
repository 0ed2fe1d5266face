"""Statements made to cost: each is decided in a time that grows with its length, not with its square or worse.

The bound is generous, for busy machines; what it must catch takes minutes, or ends the process.
"""

import time
from datetime import UTC, datetime

import pytest

from smart_routing.request import Request
from smart_routing.router import Router
from tests.bundles import JoinModel

SECONDS = 5.0

HOSTILE = {
    "types": "select " + "row(" * 9000,
    "nested-types": "select " + "row(" * 8 + "1" + ")" * 8,
    "subqueries": "select * from " + "(select * from " * 4000 + "t" + ")" * 4000,
    "subqueries-within-the-cap": "select * from " + "(select * from " * 290 + "t" + ")" * 290,
    "brackets": "(" * 60_000,
    "not": "select 1 where " + "not " * 15_000 + "a",
    "minus": "select " + "- " * 15_000 + "1",
    "and": "select * from t where a = b" + " and a = b" * 4900,
    "equalities": "select 1" + "=1" * 9900,
    "comparisons": "select a" + ">b" * 9900,
    "in-list": "select 1 where a in (" + "1," * 9900 + "1)",
    "in-lists": "select 1 where " + "a in (1,1) and " * 2500 + "true",
    "joins": "select 1 from t" + " join u on a.x=b.x" * 1500,
    "ctes": "with " + ", ".join(f"c{i} as (select * from c{i})" for i in range(1500)) + " select 1",
    "open-comment": "select 1 " + "/* " * 20_000,
    "leading-comments": "/**/" * 15_000 + "select 1",
    "commented-brackets": "/**/(" * 200 + "select 1",
    "explained-comments": "explain /**/" + "/**/" * 15_000 + "analyze select 1",
    "quotes": "select " + "'" * 60_001,
    "comments": "--\n" * 20_000 + "(" * 1000,
    "explain": "explain analyze " * 4000 + "select 1",
    "megabyte": "select '" + "x" * 1_040_000 + "'",
    "wide-characters": "select '" + "\U0001f600" * 250_000 + "'",
    "nul": "select \x00 from t" * 1000,
}


@pytest.mark.parametrize("sql", HOSTILE.values(), ids=list(HOSTILE))
def test_hostile_statement_is_decided_in_bounded_time(sql: str, join_router: Router) -> None:
    request = Request(query_id="q", sql=sql, user="mallory", submitted_at=datetime(2026, 10, 5, tzinfo=UTC))
    begun = time.perf_counter()
    decision = join_router.decide(request)
    assert time.perf_counter() - begun < SECONDS
    assert decision.reason != "model_error"


@pytest.fixture(scope="module")
def join_router(tmp_path_factory: pytest.TempPathFactory) -> Router:
    return Router(model=JoinModel().load(tmp_path_factory.mktemp("hostile") / "bundle", version="1"))
