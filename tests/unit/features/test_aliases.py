"""Words of a statement without what its writer could have chosen otherwise."""

import time

import pytest

from smart_routing.features.aliases import without_generated
from smart_routing.features.text import normalised_tokens


def words(sql: str) -> str:
    return " ".join(normalised_tokens(sql))


@pytest.mark.parametrize(
    ("sql", "other"),
    [
        ("select o.id from orders o where o.x = 1", "select z.id from orders z where z.x = 1"),
        ("select o.id from orders as o", "select z.id from orders as z"),
        ("with a as (select 1 x) select a.z from a", "with k as (select 1 y) select k.z from k"),
        ("select case when x then y end m from t", "select case when x then y end n from t"),
        ("select s.n from (select count(*) n from t) s", "select q.n from (select count(*) m from t) q"),
        ("select sum(x) as total from t order by total", "select sum(x) as m0 from t order by m0"),
        (
            "select u.v from unnest(a) with ordinality as u(v, n)",
            "select w.v from unnest(a) with ordinality as w(v, n)",
        ),
        ("select n.k, count(*) n from nation n", "select z.k, count(*) n from nation z"),
        ('select "O".id from orders "O"', "select z.id from orders z"),
        ("select * from tmp_20251005", "select * from tmp_20251006"),
        ("select * from stage_3fa9c21b07", "select * from stage_77e0d1a2b3"),
    ],
    ids=["table", "as", "with", "case", "query", "column", "function", "twofold", "quoted", "date", "hash"],
)
def test_other_aliases_and_generated_names_are_the_same_words(sql: str, other: str) -> None:
    assert words(sql) == words(other)


def test_alias_of_a_table_becomes_its_name() -> None:
    assert words("select o.id from c.s.orders o join line l on l.k = o.k") == (
        "select orders . id from c . s . orders <alias> join line <alias> on line . k = orders . k"
    )


@pytest.mark.parametrize(
    "sql",
    [
        "select x from t order by x nulls last",
        "select cast ( x as double ) from t",
        "select lag ( x ) ignore nulls over ( partition by y ) from t",
        "select x from t tablesample bernoulli ( <num> )",
        "select x at time zone y from t",
        "select a . b from s . a join s . c using ( k )",
    ],
    ids=["nulls last", "type", "ignore nulls", "sample", "time zone", "names"],
)
def test_words_of_the_grammar_and_real_names_stay(sql: str) -> None:
    assert words(sql.replace("<num>", "10")) == sql


@pytest.mark.parametrize(
    ("sql", "other"),
    [
        ("select count(*) as orders from orders", "select count(*) as parts from parts"),
        ("select 1 as a from t join a on true", "select 1 as b from t join b on true"),
        ("select ds as ds, r as r from t where ds = 1", "select ds as ds, r as r from t where r = 1"),
        ("select date(ds) as ds, f(r) r from t where ds = 1", "select date(ds) as ds, f(r) r from t where r = 1"),
        (
            "select min(a) as min, max(a) as max from t having min(a) > 1",
            "select min(a) as min, max(a) as max from t having max(a) > 1",
        ),
        ("select 1 as a, 2 as b from a.t", "select 1 as a, 2 as b from b.t"),
    ],
    ids=["table", "joined table", "column", "argument", "function", "schema"],
)
def test_real_names_that_are_aliases_elsewhere_stay(sql: str, other: str) -> None:
    assert words(sql) != words(other)


def test_alias_of_the_name_of_its_argument_goes_on_standing_for_the_column() -> None:
    assert words("select sum(total) as total from t order by total") == (
        "select sum ( total ) as <alias> from t order by total"
    )


@pytest.mark.parametrize("name", ["abcdef" * 10_000, "a1" * 30_000, "abcdefg" * 8_000], ids=["letters", "hash", "word"])
def test_a_name_of_any_length_is_read_in_linear_time(name: str) -> None:
    begun = time.thread_time()
    without_generated(name)
    assert time.thread_time() - begun < 1.0
