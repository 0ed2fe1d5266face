"""Words of a statement without what its writer could have chosen otherwise."""

import pytest

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
        ('select "O".id from orders "O"', "select z.id from orders z"),
        ("select * from tmp_20251005", "select * from tmp_20251006"),
        ("select * from stage_3fa9c21b07", "select * from stage_77e0d1a2b3"),
    ],
    ids=["table", "as", "with", "case", "query", "column", "function", "quoted", "date", "hash"],
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


def test_argument_before_an_alias_of_the_same_name_stays() -> None:
    assert words("select sum(total) as total from t order by total") == (
        "select sum ( total ) as <alias> from t order by <alias>"
    )
