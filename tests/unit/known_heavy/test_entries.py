from dataclasses import replace
from datetime import timedelta

import pytest

from smart_routing.features.statement import read_statement, template_tokens
from smart_routing.known_heavy.entries import NOTHING_KNOWN, KnownHeavy, SessionTemplate, session_template
from smart_routing.request import Request
from smart_routing.routing import Case
from tests.unit.known_heavy.samples import NOW, entry

REQUEST = Request(query_id="q", sql="select 1", user="ana", submitted_at=NOW, catalog="lake", schema="search")


def test_expired_entries_are_left_out() -> None:
    entries = (entry(1, hours=1), entry(2, hours=2), entry(3, hours=3))
    known = KnownHeavy.at(NOW + timedelta(hours=1), entries)
    assert known.templates == {entry(2).key, entry(3).key}
    assert known.valid_until == NOW + timedelta(hours=2)
    assert KnownHeavy.at(NOW + timedelta(hours=3), entries) == NOTHING_KNOWN


def test_generation_is_that_of_the_set() -> None:
    one, other = (KnownHeavy.at(NOW, entries) for entries in ([entry(1), entry(2)], [entry(2, hours=9), entry(1)]))
    assert one.generation == other.generation
    smaller, elsewhere = KnownHeavy.of([entry(1).key]), KnownHeavy.of([entry(1).key, entry(2, schema=None).key])
    assert len({one.generation, smaller.generation, elsewhere.generation, NOTHING_KNOWN.generation}) == 4


@pytest.mark.parametrize(
    "sql",
    [
        "select * from t where a in (1, 2, 3) and b = 'x'",
        "EXPLAIN ANALYZE VERBOSE select a from t",
        "EXECUTE IMMEDIATE 'select a from t where b = ''x'''",
        "select a from t where b = ?",
        "select (((",
        "  -- a comment\n select 1 ;",
        "VALUES 1, 2",
    ],
)
def test_router_and_collector_find_the_same_template(sql: str) -> None:
    request = replace(REQUEST, sql=sql)
    assert session_template(request) == SessionTemplate(Case(request=request).template, "lake", "search")
    assert template_tokens(sql) == read_statement(sql).text.tokens


@pytest.mark.parametrize(
    "sql",
    [
        pytest.param("", id="empty"),
        pytest.param("-- nothing", id="comment"),
        pytest.param("select 'open", id="open-quote"),
        pytest.param("SHOW TABLES", id="command"),
        pytest.param("select '" + "x" * 65_536 + "'", id="too-long"),
        pytest.param("select '" + "é" * 32_768 + "'", id="too-long-in-UTF-8"),
        pytest.param("select " + "(" * 301 + "1" + ")" * 301, id="too-deep"),
        pytest.param("select 1" + ",1" * 10_000, id="too-many-tokens"),
    ],
)
def test_statement_that_cannot_be_told_from_others_has_no_template(sql: str) -> None:
    assert session_template(replace(REQUEST, sql=sql)) is None


def test_blank_catalog_and_schema_are_none() -> None:
    found = session_template(replace(REQUEST, catalog="", schema=""))
    assert found is not None
    assert (found.catalog, found.schema) == (None, None)
