"""Aliases and generated names: words that whoever wrote a statement could have chosen otherwise."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlglot import Token, TokenType

ALIAS: Final = "<alias>"
GENERATED: Final = "#"

NAMES: Final = frozenset({TokenType.VAR, TokenType.IDENTIFIER})
"""Kinds of tokens that name something."""
_GRAMMAR: Final = frozenset(
    {"after", "at", "bernoulli", "current", "escape", "first", "following", "group", "ignore", "last", "nulls", "of"}
    | {"only", "pattern", "preceding", "respect", "system", "ties", "unbounded", "version", "within", "zone"}
)
"""Words of Trino's grammar that the tokenizer takes for names."""

_ENDS_OF_EXPRESSIONS: Final = frozenset({TokenType.R_PAREN, TokenType.R_BRACKET, TokenType.NUMBER, TokenType.END})
"""Before an alias without AS; not strings, because of INTERVAL '1' DAY."""

_IN_A_NAME: Final = re.compile(r"(?=[a-f]*\d)[0-9a-f]{8,}|\d{4,}")
"""What a program puts into a name: a date, a counter, a piece of a hash."""


def without_generated(name: str) -> str:
    """A name in lower case with `GENERATED` for every date, counter and hash in it."""
    return _IN_A_NAME.sub(GENERATED, name)


@dataclass(frozen=True, slots=True)
class Aliases:
    """Names that a statement defines: where each is defined first, and of which table or column it is another name."""

    first: Mapping[str, int]
    meaning: Mapping[str, str]

    def replace(self, tokens: Sequence[Token], words: Sequence[str]) -> tuple[str, ...]:
        """The words, one for each token, without aliases: `o.id` of `orders o` becomes `orders.id`."""
        return tuple(
            self._word(tokens, place, word) if word in self.first else word for place, word in enumerate(words)
        )

    def _word(self, tokens: Sequence[Token], place: int, word: str) -> str:
        if tokens[place].token_type not in NAMES or _kind(tokens, place - 1) == TokenType.DOT:
            return word
        if _kind(tokens, place + 1) == TokenType.DOT:
            return self.meaning.get(word, word)
        return ALIAS if place >= self.first[word] else word


def find_aliases(tokens: Sequence[Token]) -> Aliases:
    """Aliases with and without AS, and the names that WITH gives."""
    first: dict[str, int] = {}
    meaning: dict[str, str] = {}
    for place, token in enumerate(tokens):
        if token.token_type in NAMES and (named := _named(tokens, place)):
            name = without_generated(token.text.lower())
            first.setdefault(name, place)
            meaning[name] = named if meaning.get(name, named) == named else ALIAS
    resolved = {name: ALIAS if named in first else named for name, named in meaning.items()}
    return Aliases(first, resolved)


def _named(tokens: Sequence[Token], place: int) -> str | None:
    """What the name at a place is an alias of: a name, or `ALIAS` for a query or an expression; None for no alias."""
    before = _kind(tokens, place - 1)
    if before == TokenType.ALIAS:
        return _name(tokens, place - 2)
    if tokens[place].text.lower() in _GRAMMAR:
        return None
    if before in NAMES or before in _ENDS_OF_EXPRESSIONS:
        return None if _is_grammar(tokens, place - 1) else _name(tokens, place - 1)
    return ALIAS if _opens_cte(tokens, place, before) else None


def _opens_cte(tokens: Sequence[Token], place: int, before: TokenType | None) -> bool:
    if before in {TokenType.WITH, TokenType.RECURSIVE}:
        return True
    after = (_kind(tokens, place + 1), _kind(tokens, place + 2))
    return before == TokenType.COMMA and after == (TokenType.ALIAS, TokenType.L_PAREN)


def _name(tokens: Sequence[Token], place: int) -> str:
    return without_generated(tokens[place].text.lower()) if _kind(tokens, place) in NAMES else ALIAS


def _is_grammar(tokens: Sequence[Token], place: int) -> bool:
    return tokens[place].text.lower() in _GRAMMAR


def _kind(tokens: Sequence[Token], place: int) -> TokenType | None:
    return tokens[place].token_type if 0 <= place < len(tokens) else None
