"""Aliases and generated names: words that whoever wrote a statement could have chosen otherwise."""

import re
from collections import defaultdict
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

_READS: Final = frozenset({TokenType.FROM, TokenType.JOIN})
"""Before a table or the name of a WITH, never before another alias."""

_IN_A_NAME: Final = re.compile(r"[0-9a-f]{8,}|\d{4,}")
"""What a program puts into a name: a date, a counter, a piece of a hash; that last one only where it has a digit, which
is looked for afterwards: looked for at every letter, it would take a square of the name's length."""


def without_generated(name: str) -> str:
    """A name in lower case with `GENERATED` for every date, counter and hash in it."""
    return _IN_A_NAME.sub(lambda found: found[0] if found[0].isalpha() else GENERATED, name)


@dataclass(frozen=True, slots=True)
class Aliases:
    """Names that a statement defines: where, from where on each stands for nothing else, and what it is a name of.

    `queries` are the names of WITH. A name that stood for something real before it was defined, as `ds` in
    `date(ds) as ds`, goes on doing so, and is not in `since`.
    """

    places: frozenset[int]
    since: Mapping[str, int]
    queries: Mapping[str, int]
    meaning: Mapping[str, str]

    def replace(self, tokens: Sequence[Token], words: Sequence[str]) -> tuple[str, ...]:
        """The words, one for each token, without aliases: `o.id` of `orders o` becomes `orders.id`."""
        return tuple(
            self._word(tokens, place, word) if word in self.meaning else word for place, word in enumerate(words)
        )

    def _word(self, tokens: Sequence[Token], place: int, word: str) -> str:
        if place in self.places:
            return ALIAS
        before, after = _kind(tokens, place - 1), _kind(tokens, place + 1)
        if tokens[place].token_type not in NAMES or before == TokenType.DOT or after == TokenType.L_PAREN:
            return word
        if before in _READS:
            return ALIAS if after != TokenType.DOT and place > self.queries.get(word, place) else word
        if after == TokenType.DOT:
            return self.meaning[word]
        return ALIAS if place > self.since.get(word, place) else word


def find_aliases(tokens: Sequence[Token]) -> Aliases:
    """Aliases with and without AS, and the names that WITH gives."""
    places: set[int] = set()
    first: dict[str, int] = {}
    queries: dict[str, int] = {}
    meanings: defaultdict[str, set[str]] = defaultdict(set)
    for place, token in enumerate(tokens):
        if token.token_type not in NAMES:
            continue
        name, named = without_generated(token.text.lower()), _named(tokens, place)
        if named:
            places.add(place)
            meanings[name] |= {named} - {ALIAS}
            if _opens_cte(tokens, place, _kind(tokens, place - 1)):
                queries.setdefault(name, place)
        if named or _stands_alone(tokens, place):
            first.setdefault(name, place)
    meaning = {name: _only([one for one in found if one not in queries]) for name, found in meanings.items()}
    since = {name: place for name, place in first.items() if place in places}
    return Aliases(frozenset(places), since, queries, meaning)


def _only(names: Sequence[str]) -> str:
    """The one table that a name stands for, whatever expression or query it stands for too."""
    return names[0] if len(names) == 1 else ALIAS


def _stands_alone(tokens: Sequence[Token], place: int) -> bool:
    """Whether a name is neither qualified nor a qualifier nor that of a function."""
    beside = {_kind(tokens, place - 1), _kind(tokens, place + 1)}
    return TokenType.DOT not in beside and _kind(tokens, place + 1) != TokenType.L_PAREN


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
