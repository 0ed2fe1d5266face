"""What a parse would read, told from the tokens."""

import pytest

from smart_routing.features.effort import Effort, effort_of
from smart_routing.features.statement import ParseStatus, read_statement
from smart_routing.features.text import tokenize


def effort(sql: str) -> Effort:
    return effort_of(tokenize(sql) or [])


@pytest.mark.parametrize(
    "sql",
    [
        "select a, b from t where c = 1 and d = 2",
        "select 1 from a cross join b cross join c",
        "select 1 from a natural join b natural join c",
        "select 1 from a, b, c where a.x = b.x",
    ],
    ids=["plain", "cross joins", "natural joins", "commas"],
)
def test_plain_statement_is_read_once(sql: str) -> None:
    assert effort(sql).tokens == len(tokenize(sql) or [])


def test_joins_with_their_conditions_cost_what_they_are_long() -> None:
    joins = [effort("select 1 from a" + " join b on a.x = b.x" * count).tokens for count in (0, 10, 20)]
    assert joins[2] - joins[1] == joins[1] - joins[0]


def test_each_join_without_a_condition_doubles_what_follows() -> None:
    joins = [effort("select 1 from a" + " join b" * count).tokens for count in (9, 10, 11)]
    assert joins[2] - joins[1] == 2 * (joins[1] - joins[0])


@pytest.mark.parametrize(
    "table",
    ["c.natural", "natural", "c as natural", "c as cross", "c x.natural", "c, natural"],
)
def test_a_name_before_join_is_no_kind_of_join(table: str) -> None:
    joins = [effort("select 1 from a" + f" join {table}" * count).tokens for count in (9, 10, 11)]
    assert joins[2] - joins[1] == 2 * (joins[1] - joins[0])


@pytest.mark.parametrize(
    "turn",
    [
        " cross join t using (x) left join c left join t using (x)",
        " natural join t on x left join c left join t on x",
        " cross join (select 1 from a join b using (x)) using (x) join c join t using (x)",
    ],
    ids=["cross", "natural", "a bracket between"],
)
def test_a_condition_that_a_join_does_not_need_is_not_that_of_another(turn: str) -> None:
    joins = [effort("select 1 from a" + turn * count).tokens for count in (9, 10, 11)]
    assert joins[2] - joins[1] == pytest.approx(2 * (joins[1] - joins[0]), rel=0.01)


def test_a_condition_after_that_of_a_cross_join_is_of_the_join_before() -> None:
    joins = [effort("select 1 from a" + " join b cross join c on x on y" * count).tokens for count in (9, 10, 11)]
    assert joins[2] - joins[1] == joins[1] - joins[0]


def test_a_clause_or_a_closed_bracket_ends_the_joins_before_it() -> None:
    ended = effort("select 1 from (select 1 from a join b join c) where d = 1 and e = 2").tokens
    longer = effort("select 1 from (select 1 from a join b join c) where d = 1 and e = 2 and f = 3").tokens
    assert longer - ended == 4  # and, f, =, 3


def test_subscripts_in_a_row_cost_a_square() -> None:
    rows = [effort("select a" + "[1]" * count).tokens for count in (100, 200, 400)]
    assert rows[2] - rows[1] == pytest.approx(4 * (rows[1] - rows[0]), rel=0.2)
    dotted = [effort("select a" + "[1].b" * count).tokens for count in (100, 200, 400)]
    assert dotted[2] - dotted[1] == pytest.approx(4 * (dotted[1] - dotted[0]), rel=0.2)


@pytest.mark.parametrize(("opening", "closing"), [("sum(", ")"), ("f(x -> ", ")"), ("(", ")[1]")], ids=repr)
def test_nested_looks_cost_a_square(opening: str, closing: str) -> None:
    rows = [effort("select " + opening * count + "a" + closing * count).tokens for count in (100, 200, 400)]
    assert rows[2] - rows[1] > 3 * (rows[1] - rows[0])


def test_depths_are_those_of_brackets_and_of_types_in_a_row() -> None:
    found = effort("select f(g([1])), cast(a as row(b array(row(c int))))")
    assert (found.depth, found.type_depth) == (4, 3)


def test_brackets_that_nothing_opened_are_passed_over() -> None:
    assert effort("select ))) 1 ]").depth == 0


@pytest.mark.parametrize(
    "sql",
    [
        "select 1 from a" + " join b" * 30,
        "select 1 from t" + " natural join c." * 30,
        "select a" + "[1]" * 300,
        "select " + "f(x -> " * 120 + "x" + ")" * 120,
    ],
    ids=["joins", "natural joins", "subscripts", "lambdas"],
)
def test_short_statement_that_would_be_read_too_often_is_not_parsed(sql: str) -> None:
    statement = read_statement(sql)
    assert statement.parse_status is ParseStatus.TOO_MANY_TOKENS
    assert statement.tree is None
