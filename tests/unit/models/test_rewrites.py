import pytest

from models.behaviour.rewrites import COMMENT, Rewrite, commented, joined, realiased, recased, respaced
from smart_routing.features.joins import cross_join_count, table_count
from smart_routing.features.sql import subquery_count
from smart_routing.features.statement import read_statement
from smart_routing.features.text import normalised_tokens
from smart_routing.features.tree import walk

STATEMENT = """with Best as (select o.k, 'It''s' as "Quoted Name", 1e5 from lake.s."Orders" o -- why
  where o.k in (select k from lines))
select b.*, sum(l.x) over (order by l.x) from Best as b join lines l on l.k = b.k; """


@pytest.mark.parametrize("rewrite", [commented, recased, respaced], ids=["comments", "case", "blanks"])
def test_rewritten_statement_has_the_same_tokens(rewrite: Rewrite) -> None:
    rewritten = rewrite(STATEMENT)
    assert rewritten is not None
    assert rewritten != STATEMENT
    assert normalised_tokens(rewritten) == normalised_tokens(STATEMENT)


def test_comments_stand_before_within_and_behind() -> None:
    assert commented("select 1") == f"/* {COMMENT} */ select /* {COMMENT} */  1\n-- {COMMENT}"


def test_case_of_names_turns_and_that_of_literals_stays() -> None:
    assert recased("Select x'AB', 'Aa', \"Bb\", Cc, 1e5") == "sELECT x'AB', 'Aa', \"Bb\", cC, 1e5"


def test_blanks_grow_where_there_are_some() -> None:
    assert respaced("select 'a  b',c from t") == "\nselect\n\t  'a  b',c\n\t  from\n\t  t\n "


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("select o.k from orders o where O.k > 1", "select renamed0.k from orders renamed0 where renamed0.k > 1"),
        ("select * from (select 1 as a) as \"T\"", "select * from (select 1 as a) as renamed0"),
        ("with c as (select 1 as x) select c.x, C.y from c",
         "with renamed0 as (select 1 as x) select renamed0.x, renamed0.y from renamed0"),
        ("select t.c from s.c join unnest(a) as t(c) on true",
         "select renamed0.c from s.c join unnest(a) as renamed0(c) on true"),
        ("select orders.k from orders join (select 1 as k) b on orders.k = b.k",
         "select orders.k from orders join (select 1 as k) renamed0 on orders.k = renamed0.k"),
    ],
    ids=["table", "subquery", "cte", "unnest", "table's own name"],
)  # fmt: skip
def test_aliases_are_renamed_with_all_that_refers_to_them(sql: str, expected: str) -> None:
    assert realiased(sql) == expected


@pytest.mark.parametrize(
    "sql",
    [
        "select k from orders",
        "with orders as (select * from orders) select * from orders",
        "select orders.k from lines orders, (select orders.k from orders) x",
        "select from where",
    ],
    ids=["no alias", "cte of its table's name", "alias of another table's name", "rejected"],
)
def test_what_cannot_be_renamed_for_sure_is_left_out(sql: str) -> None:
    assert realiased(sql) is None


def test_renamed_statement_means_the_same() -> None:
    renamed = realiased(STATEMENT)
    assert renamed is not None
    before, after = (read_statement(sql).tree for sql in (STATEMENT, renamed))
    assert before is not None
    assert after is not None
    assert (walk(before).depth, table_count(walk(before))) == (walk(after).depth, table_count(walk(after)))


@pytest.mark.parametrize("times", [1, 2])
def test_cross_joins_stand_around_the_whole_statement(times: int) -> None:
    wide = joined(STATEMENT, '"lake"."s"."t"', times=times)
    assert wide is not None
    tree = read_statement(wide).tree
    assert tree is not None
    assert (cross_join_count(walk(tree)), subquery_count(walk(tree))) == (times, 2)


@pytest.mark.parametrize("sql", ["", "select 'open", "show tables"], ids=["empty", "open quote", "command"])
def test_text_without_tokens_is_left_as_it_is(sql: str) -> None:
    assert [rewrite(sql) for rewrite in (commented, recased, respaced, realiased)] == [None] * 4
    assert joined(sql, "t", times=1) is None
