"""Statements rewritten to mean the same, or more of the same: what a router must not mind, and what it must."""

from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from typing import Final

from sqlglot import Token, TokenType, exp

from smart_routing.features.statement import ParseStatus, read_statement
from smart_routing.features.text import tokenize

COMMENT: Final = "select * from a cross join b order by 1"
"""Looks like a statement, for whoever counts words in comments."""

_QUOTES: Final = "'\"`"

Rewrite = Callable[[str], str | None]
"""From a statement to another; None where it cannot be made."""

Span = tuple[int, int]
"""First and last character of a piece of text."""


def commented(sql: str) -> str | None:
    """A comment before the statement, one behind its first word, one at its end; None where it has no tokens."""
    tokens = tokenize(sql)
    if not tokens:
        return None
    note = f"/* {COMMENT} */"
    behind = tokens[0].end + 1
    return f"{note} {sql[:behind]} {note} {sql[behind:]}\n-- {COMMENT}"


def recased(sql: str) -> str | None:
    """Keywords and names in the other case, quoted names and literals as they are; None where it has no tokens."""
    tokens = tokenize(sql)
    return _edited(sql, {_span(token): piece.swapcase() for token, piece in _words(sql, tokens)}) if tokens else None


def respaced(sql: str) -> str | None:
    """More blanks wherever there are some between two tokens; None where it has no tokens."""
    tokens = tokenize(sql)
    if not tokens:
        return None
    gaps = [(before.end + 1, after.start - 1) for before, after in pairwise(tokens)]
    blank = {(first, last): f"\n\t {sql[first : last + 1]}" for first, last in gaps if sql[first : last + 1].isspace()}
    return f"\n{_edited(sql, blank)}\n "


def realiased(sql: str) -> str | None:
    """Other aliases of tables and other names of CTEs, all references included.

    None where there are none, where a name stands for two things, and where the outcome does not parse.
    """
    tree = read_statement(sql).tree
    names = _new_names(tree) if tree is not None else {}
    if tree is None or not names:
        return None
    spans = {_place(identifier): names[identifier.name.lower()] for identifier in _references(tree, names)}
    renamed = _edited(sql, {span: name for span, name in spans.items() if span})
    return renamed if read_statement(renamed).parse_status is ParseStatus.PARSED else None


def joined(sql: str, table: str, *, times: int) -> str | None:
    """The statement's rows, each with every row of `table` (quoted as it must be), once or several times over.

    None where it has no tokens and where the outcome does not parse.
    """
    tokens = [token for token in tokenize(sql) or () if token.token_type != TokenType.SEMICOLON]
    if not tokens:
        return None
    body = sql[tokens[0].start : tokens[-1].end + 1]
    joins = "".join(f" cross join {table} as added{number}" for number in range(times))
    whole = f"select * from (\n{body}\n) as whole{joins}"  # noqa: S608 - it is asked about, never run
    return whole if read_statement(whole).parse_status is ParseStatus.PARSED else None


def _words(sql: str, tokens: list[Token]) -> Iterator[tuple[Token, str]]:
    for token in tokens:
        piece = sql[token.start : token.end + 1]
        if piece.isascii() and not piece[:1].isdigit() and piece[-1:] not in _QUOTES:
            yield token, piece


def _new_names(tree: exp.Expr) -> dict[str, str]:
    """A new name for every alias and CTE, by the old one in lower case; none at all where one stands for two things."""
    aliases = {alias.name.lower() for alias in tree.find_all(exp.TableAlias) if alias.name}
    bare = {table.name.lower() for table in tree.find_all(exp.Table) if not table.alias}
    ctes = _cte_names(tree)
    if aliases & bare - ctes or any(_reads_its_own_name(cte) for cte in tree.find_all(exp.CTE)):
        return {}
    return {name: f"renamed{number}" for number, name in enumerate(sorted(aliases))}


def _reads_its_own_name(cte: exp.Expr) -> bool:
    """A table of the CTE's name, inside it."""
    return any(table.name.lower() == cte.alias.lower() for table in cte.find_all(exp.Table))


def _references(tree: exp.Expr, names: Mapping[str, str]) -> Iterator[exp.Expr]:
    """Identifiers that define these names or refer to them."""
    ctes = _cte_names(tree)
    yield from (alias.this for alias in tree.find_all(exp.TableAlias) if alias.name)
    for column in tree.find_all(exp.Column):
        if column.table.lower() in names:
            yield column.args["table"]
    yield from (table.this for table in tree.find_all(exp.Table) if not table.db and table.name.lower() in ctes)


def _cte_names(tree: exp.Expr) -> set[str]:
    return {cte.alias.lower() for cte in tree.find_all(exp.CTE)}


def _place(identifier: exp.Expr) -> Span | None:
    """Where in the text it stands; None for one that the parser made itself."""
    meta = identifier.meta
    return (meta["start"], meta["end"]) if "start" in meta else None


def _span(token: Token) -> Span:
    return token.start, token.end


def _edited(sql: str, replaced: Mapping[Span, str]) -> str:
    """The text with these pieces of it replaced."""
    parts, position = [], 0
    for (first, last), text in sorted(replaced.items()):
        parts += [sql[position:first], text]
        position = last + 1
    return "".join([*parts, sql[position:]])
