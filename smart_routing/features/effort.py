"""How deep a parse would go, and how many tokens it would read: known from the tokens alone, before it starts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlglot import Token, TokenType
from sqlglot.dialects.trino import Trino

_OPENING: Final = frozenset({TokenType.L_PAREN, TokenType.L_BRACKET, TokenType.L_BRACE})
_CLOSING: Final = frozenset({TokenType.R_PAREN, TokenType.R_BRACKET, TokenType.R_BRACE})
_TURNS: Final = _OPENING | _CLOSING | {TokenType.ARROW}
_TYPES: Final = frozenset(Trino.parser_class.TYPE_TOKENS)
_LOOKS_OF_A_READ: Final = 10


@dataclass(frozen=True, slots=True)
class Effort:
    """What sqlglot 30.30 would do: brackets and type constructors it would nest, tokens it would read.

    A token counts twice as often for each type constructor around it, and a tenth more for each look back at it:
    aggregates look at all that is in them, lambdas at their body, a bracket at all that it stands behind. What else is
    read again, because the parser tries one way and then another, is counted while it does (features/parser.py).
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
    lambdas: int


class _Walk:
    """Goes from turn to turn: brackets and lambdas."""

    def __init__(self, kinds: Sequence[TokenType]) -> None:
        self._kinds = kinds
        self._open: list[_Bracket] = []
        self._starts: dict[int, int] = {}
        self._types = self._lambdas = self._counted = 0
        self._depth = self._type_depth = self._reads = self._looks = 0

    def turn(self, place: int, kind: TokenType) -> None:
        self._count(place)
        if kind in _OPENING:
            self._enter(place)
        elif kind in _CLOSING:
            self._leave(place)
        else:
            self._lambdas += 1

    def end(self) -> Effort:
        self._count(len(self._kinds))
        return Effort(self._depth, self._type_depth, self._reads + self._looks // _LOOKS_OF_A_READ)

    def _count(self, place: int) -> None:
        tokens, self._counted = place - self._counted, place
        self._reads += tokens << self._types
        self._looks += tokens * self._lambdas

    def _enter(self, place: int) -> None:
        self._open.append(_Bracket(self._start(place), self._types, self._lambdas))
        self._types += self._before(place) in _TYPES
        self._depth = max(self._depth, len(self._open))
        self._type_depth = max(self._type_depth, self._types)

    def _leave(self, place: int) -> None:
        if not self._open:
            return
        bracket = self._open.pop()
        self._types, self._lambdas = bracket.types, bracket.lambdas
        self._starts[place] = bracket.start
        self._looks += place - bracket.start

    def _start(self, place: int) -> int:
        """Where `a.b(c).d` begins, before the bracket at `place`: no bracket is gone through twice."""
        start = place - 1
        while start >= 0 and start not in self._starts and self._before(start) == TokenType.DOT:
            start -= 2
        return max(0, self._starts.get(start, start))

    def _before(self, place: int) -> TokenType | None:
        return self._kinds[place - 1] if place else None
