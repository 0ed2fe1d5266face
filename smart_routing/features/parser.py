"""sqlglot's Trino parser with an end: a text that makes it do too much, however often it rereads, is given up."""

import threading
from collections.abc import Sequence
from typing import Any, Final

from sqlglot import Token, TokenType, exp
from sqlglot.dialects.trino import Trino
from sqlglot.errors import ParseError, TokenError

from smart_routing.errors import ParseTooDearError

_FOREIGN: Final = frozenset({TokenType.PIPE_GT, TokenType.PIVOT, TokenType.UNPIVOT})
"""What Trino 476 has not, and what costs sqlglot a square of its length, or 2^n."""
_ENDLESS: Final = ("data_deletion", "system_versioning")
"""Table properties of another database: sqlglot goes on for ever where it does not know what is in their brackets."""
_MOST_OF_A_STRING: Final = 40
"""Characters: sqlglot looks into strings, for paths, intervals and time zones, in up to a square of their length."""
_STRINGS: Final = frozenset({TokenType.STRING, TokenType.NATIONAL_STRING, TokenType.RAW_STRING})


def parse(tokens: Sequence[Token], sql: str, *, most_steps: int) -> list[exp.Expr | None]:
    """The trees of the statements in `tokens`, long strings cut.

    A step is a node made, kept or not, or an expression or a table begun. Raises what sqlglot does, and
    `ParseTooDearError` past `most_steps`.
    """
    if not _FOREIGN.isdisjoint([token.token_type for token in tokens]) or _has_endless(tokens, sql):
        raise ParseError(
            "statement has PIVOT, UNPIVOT, |> or another database's property: expected the syntax of Trino"
        )
    fed = [_cut(token) if len(token.text) > _MOST_OF_A_STRING else token for token in tokens]
    return _dialect.bounded.trees(fed, sql, most_steps=most_steps)


def _has_endless(tokens: Sequence[Token], sql: str) -> bool:
    lowered = sql.lower()
    if not any(word in lowered for word in _ENDLESS):
        return False
    return any(token.text.lower() in _ENDLESS and token.token_type not in _STRINGS for token in tokens)


def _cut(token: Token) -> Token:
    if token.token_type not in _STRINGS:
        return token
    return Token(token.token_type, token.text[:_MOST_OF_A_STRING], start=token.start, end=token.end)


class _Watched:
    """A setting of the dialect that the parser asks for wherever it may reread: each time is a step.

    The parser is compiled, hears no signal, and takes its own complaint about too many nodes for that of one way among
    others; what is raised here goes through.
    """

    def __init__(self, value: bool) -> None:
        self._value = value

    def __get__(self, dialect: "_BoundedTrino | None", _owner: type | None = None) -> bool:
        if dialect is not None:
            dialect.step()
        return self._value


class _BoundedTrino(Trino):
    """Trino's dialect, which counts, and leaves out what sqlglot does for other dialects at a cost of its own."""

    INDEX_OFFSET = 0  # else the types of each subscript are inferred, and its index is simplified
    DPIPE_IS_STRING_CONCAT: Any = _Watched(Trino.DPIPE_IS_STRING_CONCAT)  # asked in each expression
    ALIAS_POST_VERSION: Any = _Watched(Trino.ALIAS_POST_VERSION)  # asked at each table

    def __init__(self) -> None:
        super().__init__()
        self._parser: Any = self.parser()
        self._begun = 0

    def trees(self, tokens: list[Token], sql: str, *, most_steps: int) -> list[exp.Expr | None]:
        self._begun, self._parser.max_nodes = 0, most_steps
        try:
            trees: list[exp.Expr | None] = self._parser.parse(tokens, sql)
        except ParseError:
            self.step()
            raise
        return trees

    def step(self) -> None:
        self._begun += 1
        if self._begun + self._parser._node_count > self._parser.max_nodes:
            raise ParseTooDearError(f"parse takes more steps than {self._parser.max_nodes}")

    def tokenize(self, sql: str, dialect: Any = None) -> list[Token]:
        """What a text within the text says, a name where a type may stand: no more than one word."""
        tokens = super().tokenize(sql, dialect)
        if len(tokens) > 1:
            raise TokenError(f"name has {len(tokens)} words: expected the name of a type")
        return tokens


class _Dialect(threading.local):
    """One for each thread."""

    def __init__(self) -> None:
        self.bounded = _BoundedTrino()


_dialect: Final = _Dialect()
