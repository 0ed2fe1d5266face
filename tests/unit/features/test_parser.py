"""A parse that ends, whatever the text."""

import time
from collections.abc import Callable

import pytest
from sqlglot import exp
from sqlglot.errors import ParseError

from smart_routing.errors import ParseTooDearError
from smart_routing.features.parser import parse
from smart_routing.features.statement import DEFAULT_LIMITS, ParseStatus, read_statement
from smart_routing.features.text import tokenize

SECONDS = 0.05


def cost(sql: str) -> float:
    """Seconds on the processor, of the fastest of a few tries."""
    costs = []
    for _ in range(3):
        begun = time.thread_time()
        read_statement(sql)
        costs.append(time.thread_time() - begun)
    return min(costs)


def nested(head: str, opening: str, middle: str, closing: str, end: str = "") -> Callable[[int], str]:
    return lambda times: head + opening * times + middle + closing * times + end


REREAD = {
    "joins": nested("select 1 from a", " join b", "", ""),
    **{f"join as {word}": nested("select 1 from a", f" join b as {word}", "", "") for word in ("on", "limit", "union")},
    "join limit": nested("select 1 from a", " join limit", "", ""),
    "join b.limit": nested("select 1 from a", " join b.limit", "", ""),
    "column limit": nested("", "select a limit (", "1", ")"),
    "argument limit": nested("select ", "f(a limit (", "1", "))"),
    "open argument limit": nested("select ", "f(a limit (", "1", ""),
    "query limit": nested("", "select 1 from (select 1) limit (", "1", ")"),
    "table offset": nested("", "select 1 from (t) offset (", "1", ")"),
    "table first": nested("", "from (t) limit (", "1", ")"),
}


@pytest.mark.parametrize("sql", REREAD.values(), ids=REREAD)
def test_text_that_is_read_again_and_again_is_given_up(sql: Callable[[int], str]) -> None:
    for times in (18, 30, 100):
        assert read_statement(sql(times)).parse_status is ParseStatus.TOO_MANY_TOKENS
        assert cost(sql(times)) <= SECONDS


LOOKED_INTO = {
    "time zone": "select time '" + ":" * 32_000 + "'",
    "zone of a typed timestamp": "select timestamp(3) '" + ":" * 32_000 + "'",
    "interval": "select interval '" + "1" * 32_000 + "' day",
    "blanks in an interval": "select interval '1" + " " * 32_000 + "'",
    "sum of intervals": "select interval '1' day '" + "1" * 32_000 + "'",
    "path": "select json_extract(x, '$" + ".a" * 16_000 + "')",
    "name of a type": 'select cast(a as "' + "row(" * 300 + "int" + ")" * 300 + '")',
    "hint": "select /*+ " + "row(" * 300 + "int" + ")" * 300 + " */ 1",
    "subscripts": "select a" + "[1]" * 900,
    "subquery in a subscript": "select a[(select 1 from " + ",".join(["t"] * 1_000) + " where a = b)]",
    "pivot": "select * from t pivot(sum(x) for " + " ".join(f"a{n} in (1,2)" for n in range(30)) + ")",
    "pipes": "from t" + " |> select a" * 700,
}


@pytest.mark.parametrize("sql", LOOKED_INTO.values(), ids=LOOKED_INTO)
def test_what_sqlglot_looks_into_costs_little(sql: str) -> None:
    assert cost(sql) <= SECONDS


@pytest.mark.parametrize(
    "sql",
    [
        "select * from t pivot (sum(a) for b in (1))",
        "from t |> select a",
        "create table t (a int) with (system_versioning = on (x))",
        "create table t (a int) Data_Deletion = on (x)",
    ],
    ids=repr,
)
def test_what_trino_has_not_is_rejected(sql: str) -> None:
    assert read_statement(sql).parse_status is ParseStatus.REJECTED


def test_its_words_may_be_texts() -> None:
    assert read_statement("select 'data_deletion', 'pivot' from t").parse_status is ParseStatus.PARSED


@pytest.mark.parametrize(
    "sql",
    ["select var_map(1)", "select cast(a as nullable<int>)"],
    ids=["IndexError", "KeyError"],
)
def test_whatever_the_parser_raises_is_of_the_text(sql: str) -> None:
    with pytest.raises((IndexError, KeyError)):
        parse(tokenize(sql) or [], sql, most_steps=100)
    assert read_statement(sql).parse_status is ParseStatus.REJECTED


def test_steps_end_a_parse_and_the_next_begins_anew() -> None:
    sql = "select " + " + ".join(f"f(a{n})" for n in range(30))
    tokens = tokenize(sql) or []
    with pytest.raises(ParseTooDearError, match="more steps than 50"):
        parse(tokens, sql, most_steps=50)
    for _ in range(2):
        assert len(parse(tokens, sql, most_steps=200)) == 1


def test_rejected_text_is_not_one_that_was_given_up() -> None:
    with pytest.raises(ParseError):
        parse(tokenize("select from from") or [], "select from from", most_steps=DEFAULT_LIMITS.tokens)


def test_subscript_and_path_are_kept_and_a_long_string_is_cut() -> None:
    sql = f"select a[2], json_extract(x, '$.b'), '{'c' * 50}'"
    (tree,) = parse(tokenize(sql) or [], sql, most_steps=DEFAULT_LIMITS.tokens)
    assert isinstance(tree, exp.Select)
    subscript, path, string = tree.expressions
    assert subscript.expressions[0].name == "2"
    assert isinstance(path.expression, exp.JSONPath)
    assert string.name == "c" * 40
