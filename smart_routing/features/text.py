"""A statement's text: its tokens, normalised, and the features that need nothing more."""

import re
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, pairwise
from typing import Final

from sqlglot import Token, TokenType
from sqlglot.dialects.trino import Trino
from sqlglot.errors import SqlglotError

from smart_routing.features.aliases import without_aliases

TOKENIZER_VERSION: Final = "3"
"""Part of the feature schema: raise it whenever `normalise` would give other tokens for the same text."""

STRING: Final = "<str>"
NUMBER: Final = "<num>"

_LITERALS: Final = {
    TokenType.STRING: STRING,
    TokenType.NATIONAL_STRING: STRING,
    TokenType.RAW_STRING: STRING,
    TokenType.UNICODE_STRING: STRING,
    TokenType.HEX_STRING: STRING,
    TokenType.BIT_STRING: STRING,
    TokenType.BYTE_STRING: STRING,
    TokenType.HEREDOC_STRING: STRING,
    TokenType.NUMBER: NUMBER,
}
_COMMANDS: Final = frozenset(Trino.tokenizer_class.COMMANDS)
_TWO_WORDS: Final = frozenset(
    kind for words, kind in Trino.tokenizer_class.KEYWORDS.items() if " " in words and kind != TokenType.IDENTIFIER
)
_ROUGH_TOKEN: Final = re.compile(
    r"--[^\n]*|/\*.*?(?:\*/|\Z)"  # comments, dropped below
    r"|'(?:[^']|'')*(?:'|\Z)"
    r"|\d+(?:\.\d+)?(?:e[+-]?\d+)?"
    r'|"(?:[^"]|"")*(?:"|\Z)|[^\W\d]\w*|[^\s\w]',
    re.DOTALL | re.IGNORECASE,
)


class _Tokenizer(threading.local):
    """sqlglot's Trino tokenizer, one for each thread: making one takes longer than a short statement."""

    def __init__(self) -> None:
        self.tokenize = Trino().tokenizer().tokenize


_tokenizer: Final = _Tokenizer()


def tokenize(sql: str) -> list[Token] | None:
    """The tokens sqlglot's Trino dialect sees.

    None where it sees none: an open quote, or a command (SHOW, EXPLAIN, CALL), whose rest it takes for one string.
    """
    try:
        tokens = _tokenizer.tokenize(sql)
    except SqlglotError:
        return None
    opens_command = bool(tokens) and tokens[0].token_type in _COMMANDS
    return None if opens_command else tokens


def normalise(tokens: Sequence[Token]) -> tuple[str, ...]:
    """Lower-cased words with every literal replaced by its kind, and without aliases and generated names.

    Comments are not tokens.
    """
    kinds = [token.token_type for token in tokens]
    words = without_aliases(
        kinds, [_LITERALS.get(kind) or token.text.lower() for kind, token in zip(kinds, tokens, strict=True)]
    )
    if _TWO_WORDS.isdisjoint(kinds):
        return tuple(words)
    pairs = zip(words, kinds, strict=True)
    return tuple(chain.from_iterable(word.split() if kind in _TWO_WORDS else (word,) for word, kind in pairs))


def rough_tokens(sql: str) -> tuple[str, ...]:
    """Normalised tokens of a text that the tokenizer refuses: the same shapes, found by one linear pattern."""
    return tuple(_rough(text) for text in _ROUGH_TOKEN.findall(sql) if not text.startswith(("--", "/*")))


def normalised_tokens(sql: str) -> tuple[str, ...]:
    """Normalised tokens of any text; never raises."""
    tokens = tokenize(sql)
    return rough_tokens(sql) if tokens is None else normalise(tokens)


def _rough(text: str) -> str:
    if text[0] == "'":
        return STRING
    if text[0].isdigit():
        return NUMBER
    return text.strip('"').lower() or '"'


@dataclass(frozen=True)
class Text:
    """A statement's text as its features see it."""

    sql: str
    tokens: tuple[str, ...]

    def count(self, word: str, next_word: str | None = None) -> float:
        """How often a token stands there, or two of them in a row."""
        return float(self.words.get(word, 0) if next_word is None else self.pairs.get((word, next_word), 0))

    @cached_property
    def words(self) -> Counter[str]:
        """How often each token stands there."""
        return Counter(self.tokens)

    @cached_property
    def pairs(self) -> Counter[tuple[str, str]]:
        """How often each two tokens stand in a row."""
        return Counter(pairwise(self.tokens))


TextFeature = Callable[[Text], float]

_BEFORE_ALL_COLUMNS: Final = ("select", ".", ",", "distinct")


def sql_length(text: Text) -> float:
    """Characters of all tokens, a blank between them: comments, literals, aliases and layout change nothing."""
    return float(len(" ".join(text.tokens)))


def token_count(text: Text) -> float:
    """Tokens, comments left out."""
    return float(len(text.tokens))


def literal_count(text: Text) -> float:
    """String and number literals."""
    return text.count(STRING) + text.count(NUMBER)


def join_keywords(text: Text) -> float:
    """JOIN."""
    return text.count("join")


def cross_join_keywords(text: Text) -> float:
    """CROSS JOIN."""
    return text.count("cross", "join")


def group_by_keywords(text: Text) -> float:
    """GROUP BY."""
    return text.count("group", "by")


def order_by_keywords(text: Text) -> float:
    """ORDER BY."""
    return text.count("order", "by")


def window_keywords(text: Text) -> float:
    """OVER, which opens every window, and WINDOW, which names one."""
    return text.count("over") + text.count("window")


def distinct_keywords(text: Text) -> float:
    """DISTINCT."""
    return text.count("distinct")


def union_keywords(text: Text) -> float:
    """UNION."""
    return text.count("union")


def cte_keywords(text: Text) -> float:
    """WITH."""
    return text.count("with")


def select_keywords(text: Text) -> float:
    """SELECT."""
    return text.count("select")


def create_keywords(text: Text) -> float:
    """CREATE."""
    return text.count("create")


def ctas_keywords(text: Text) -> float:
    """CREATE TABLE with a query after AS, in brackets or not."""
    tables = text.count("create", "table") + text.count("replace", "table")
    queries = text.count("as", "select") + text.count("as", "with") + text.count("as", "(")
    return float(min(tables, queries))


def insert_keywords(text: Text) -> float:
    """INSERT."""
    return text.count("insert")


def update_keywords(text: Text) -> float:
    """UPDATE."""
    return text.count("update")


def delete_keywords(text: Text) -> float:
    """DELETE."""
    return text.count("delete")


def analyze_keywords(text: Text) -> float:
    """ANALYZE."""
    return text.count("analyze")


def wildcard(text: Text) -> float:
    """1 where a `*` stands for all columns: after SELECT, a dot or a comma."""
    return float("*" in text.words and any((first, "*") in text.pairs for first in _BEFORE_ALL_COLUMNS))


def shuffle_risk(text: Text) -> float:
    """1 where two or more joins meet ORDER BY or DISTINCT: every row may cross the network twice."""
    many_joins = text.count("join") >= 2
    return float(many_joins and order_by_keywords(text) + text.count("distinct") > 0)


TEXT_FEATURES: Final[tuple[TextFeature, ...]] = (
    sql_length,
    token_count,
    literal_count,
    join_keywords,
    cross_join_keywords,
    group_by_keywords,
    order_by_keywords,
    window_keywords,
    distinct_keywords,
    union_keywords,
    cte_keywords,
    select_keywords,
    create_keywords,
    ctas_keywords,
    insert_keywords,
    update_keywords,
    delete_keywords,
    analyze_keywords,
    wildcard,
    shuffle_risk,
)
