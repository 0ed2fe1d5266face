"""What a parse would read, told from the tokens."""

import pytest

from smart_routing.features.effort import Effort, effort_of
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
