"""Aliases and generated names: words that whoever wrote a statement could have chosen otherwise."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Final

from sqlglot import TokenType

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

_BEFORE_A_QUERY: Final = frozenset({TokenType.WITH, TokenType.RECURSIVE, TokenType.COMMA})
"""Before a name that WITH gives, and a comma also before much else."""
_BEFORE_AN_ALIAS: Final = NAMES | _ENDS_OF_EXPRESSIONS | _BEFORE_A_QUERY | {TokenType.ALIAS}

_AFTER_A_PART: Final = frozenset({TokenType.DOT, TokenType.L_PAREN})
"""Behind a qualifier, and behind the name of a function."""

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


def without_aliases(kinds: Sequence[TokenType], words: Sequence[str]) -> list[str]:
    """The words, one for each token and in lower case, without what their writer could have chosen otherwise.

    Names are `without_generated`, and aliases told by what they stand for: `o.id` of `orders o` becomes `orders.id`.
    """
    around = [*kinds, None, None]  # what stands before the first, at -1 and -2, and behind the last
    names = [place for place, kind in enumerate(kinds) if kind in NAMES]
    plain = _without_generated(words, names)
    aliases, found = _find(around, plain, names), plain.copy()
    for place in names:
        if plain[place] in aliases.meaning:
            found[place] = _word(aliases, around, place, plain[place])
    return found


def _without_generated(words: Sequence[str], names: Sequence[int]) -> list[str]:
    """One search tells that no name has anything generated in it, which is the rule."""
    plain = list(words)
    if _IN_A_NAME.search("\n".join([words[place] for place in names])):
        for place in names:
            plain[place] = without_generated(words[place])
    return plain


Kinds = Sequence[TokenType | None]


def _word(aliases: Aliases, kinds: Kinds, place: int, word: str) -> str:
    """What a name says that is an alias somewhere in its statement."""
    if place in aliases.places:
        return ALIAS
    before, after = kinds[place - 1], kinds[place + 1]
    if before == TokenType.DOT or after == TokenType.L_PAREN:
        return word
    if before in _READS:
        return ALIAS if after != TokenType.DOT and place > aliases.queries.get(word, place) else word
    if after == TokenType.DOT:
        return aliases.meaning[word]
    return ALIAS if place > aliases.since.get(word, place) else word


def _find(kinds: Kinds, words: Sequence[str], names: Sequence[int]) -> Aliases:
    """Aliases with and without AS, and the names that WITH gives; `names` are the places of all names."""
    places: set[int] = set()
    first: dict[str, int] = {}
    queries: dict[str, int] = {}
    meanings: defaultdict[str, set[str]] = defaultdict(set)
    for place in names:
        name, before, after = words[place], kinds[place - 1], kinds[place + 1]
        named = _named(kinds, words, place) if before in _BEFORE_AN_ALIAS else None
        if named:
            places.add(place)
            meanings[name].add(named)
            if before in _BEFORE_A_QUERY:
                queries.setdefault(name, place)
        if named or not (before == TokenType.DOT or after in _AFTER_A_PART):
            first.setdefault(name, place)
    meaning = {name: _only(found, queries) for name, found in meanings.items()}
    since = {name: place for name, place in first.items() if place in places}
    return Aliases(frozenset(places), since, queries, meaning)


def _only(named: Set[str], queries: Mapping[str, int]) -> str:
    """The one table that a name stands for, whatever expression or query it stands for too."""
    names = [one for one in named if one != ALIAS and one not in queries]
    return names[0] if len(names) == 1 else ALIAS


def _named(kinds: Kinds, words: Sequence[str], place: int) -> str | None:
    """What the name at a place is an alias of: a name, or `ALIAS` for a query or an expression; None for no alias."""
    before = kinds[place - 1]
    if before == TokenType.ALIAS:
        return words[place - 2] if kinds[place - 2] in NAMES else ALIAS
    if words[place] in _GRAMMAR:
        return None
    if before in NAMES:
        return None if words[place - 1] in _GRAMMAR else words[place - 1]
    if before in _ENDS_OF_EXPRESSIONS or before in {TokenType.WITH, TokenType.RECURSIVE}:
        return ALIAS
    opens_cte = (kinds[place + 1], kinds[place + 2]) == (TokenType.ALIAS, TokenType.L_PAREN)
    return ALIAS if opens_cte else None
