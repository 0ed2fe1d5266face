"""How deep a parse would go, and how many tokens it would read: known from the tokens alone, before it starts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlglot import Token, TokenType
from sqlglot.dialects.trino import Trino

_OPENING: Final = frozenset({TokenType.L_PAREN, TokenType.L_BRACKET, TokenType.L_BRACE})
_CLOSING: Final = frozenset({TokenType.R_PAREN, TokenType.R_BRACKET, TokenType.R_BRACE})
_TYPES: Final = frozenset(Trino.parser_class.TYPE_TOKENS)
_JOINS: Final = frozenset({TokenType.JOIN, TokenType.STRAIGHT_JOIN})
_UNCONDITIONAL: Final = frozenset({TokenType.CROSS, TokenType.NATURAL})
_ENDS_OF_TABLES: Final = frozenset({TokenType.VAR, TokenType.IDENTIFIER, TokenType.R_PAREN})
"""After any other token sqlglot may take CROSS or NATURAL for a name."""
_CONDITIONS: Final = frozenset({TokenType.ON, TokenType.USING})
_AFTER_JOINS: Final = frozenset(
    {
        TokenType.SELECT,
        TokenType.WHERE,
        TokenType.GROUP_BY,
        TokenType.HAVING,
        TokenType.ORDER_BY,
        TokenType.LIMIT,
        TokenType.UNION,
        TokenType.EXCEPT,
        TokenType.INTERSECT,
        TokenType.SEMICOLON,
    }
)
_LOOKS_OF_A_READ: Final = 10
_LOOKS_OF_A_SUBSCRIPT: Final = 100
"""What sqlglot prepares to find the type of an index, however short."""
_TURNS: Final = _OPENING | _CLOSING | _JOINS | _CONDITIONS | _AFTER_JOINS | {TokenType.ARROW}


@dataclass(frozen=True, slots=True)
class Effort:
    """What sqlglot 30.30 would do: brackets and type constructors it would nest, tokens it would read.

    A token counts as often as it is read. A joined table without ON or USING has what follows it read twice, so n of
    them 2^n times; `row(row(row(...` takes twice as long a level. Aggregates look again at all that is in them, lambdas
    at their body, subscripts at all that they stand behind or that is in them; such a look is a tenth of a read.
    """

    depth: int
    type_depth: int
    tokens: int


def effort_of(tokens: Sequence[Token]) -> Effort:
    """The effort of parsing these tokens, in a time that grows with their number."""
    kinds = [token.token_type for token in tokens]
    walk = _Walk(kinds)
    for place, kind in enumerate(kinds):
        if kind in _TURNS:
            walk.turn(place, kind)
    return walk.end()


@dataclass(frozen=True, slots=True)
class _Bracket:
    """Where the operand begins that a bracket belongs to, and what was open before it."""

    start: int
    types: int
    floor: int
    lambdas: int
    unconditional: bool


class _Walk:
    """Goes from turn to turn: brackets, joins, and the clauses that end joins."""

    def __init__(self, kinds: Sequence[TokenType]) -> None:
        self._kinds = kinds
        self._open: list[_Bracket] = []
        self._starts: dict[int, int] = {}
        self._types = self._joins = self._floor = self._lambdas = self._counted = 0
        self._unconditional = False
        self._depth = self._type_depth = self._reads = self._looks = 0

    def turn(self, place: int, kind: TokenType) -> None:
        self._count(place)
        if kind in _OPENING:
            self._enter(place)
        elif kind in _CLOSING:
            self._leave(place)
        elif kind in _JOINS:
            self._unconditional = self._is_unconditional(place)
            self._joins += not self._unconditional
        elif kind in _CONDITIONS:
            self._answer()
        elif kind == TokenType.ARROW:
            self._lambdas += 1
        else:
            self._joins, self._unconditional = self._floor, False

    def end(self) -> Effort:
        self._count(len(self._kinds))
        return Effort(self._depth, self._type_depth, self._reads + self._looks // _LOOKS_OF_A_READ)

    def _count(self, place: int) -> None:
        tokens, self._counted = place - self._counted, place
        self._reads += tokens << (self._types + self._joins)
        self._looks += tokens * self._lambdas

    def _enter(self, place: int) -> None:
        self._open.append(_Bracket(self._start(place), self._types, self._floor, self._lambdas, self._unconditional))
        self._types += self._before(place) in _TYPES
        if self._kinds[place] == TokenType.L_BRACKET and self._before(place) != TokenType.ARRAY:
            self._looks += _LOOKS_OF_A_SUBSCRIPT
        self._floor = self._joins
        self._depth = max(self._depth, len(self._open))
        self._type_depth = max(self._type_depth, self._types)

    def _leave(self, place: int) -> None:
        if not self._open:
            return
        bracket = self._open.pop()
        self._joins, self._floor, self._types = self._floor, bracket.floor, bracket.types
        self._lambdas, self._unconditional = bracket.lambdas, bracket.unconditional
        self._starts[place] = bracket.start
        self._looks += place - bracket.start

    def _answer(self) -> None:
        """A condition is that of the join right before it, which may need none, or else of the last that waits."""
        if not self._unconditional:
            self._joins = max(self._floor, self._joins - 1)
        self._unconditional = False

    def _is_unconditional(self, place: int) -> bool:
        """Whether CROSS or NATURAL belongs to the join, not to what is before it, as in `a.natural join`."""
        return self._before(place) in _UNCONDITIONAL and self._before(place - 1) in _ENDS_OF_TABLES

    def _start(self, place: int) -> int:
        """Where `a.b(c).d` begins, before the bracket at `place`: no bracket is gone through twice."""
        start = place - 1
        while start >= 0 and start not in self._starts and self._before(start) == TokenType.DOT:
            start -= 2
        return max(0, self._starts.get(start, start))

    def _before(self, place: int) -> TokenType | None:
        return self._kinds[place - 1] if place else None
