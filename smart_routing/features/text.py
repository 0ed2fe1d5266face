"""A statement's text: its tokens, normalised, and the features that need nothing more."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Final

from sqlglot import Token, TokenType
from sqlglot.dialects.trino import Trino
from sqlglot.errors import SqlglotError

from smart_routing.features.aliases import NAMES, find_aliases, without_generated

TOKENIZER_VERSION: Final = "3"
"""Part of the feature schema: raise it whenever `normalise` would give other tokens for the same text."""

STRING: Final = "<str>"
NUMBER: Final = "<num>"

_STRINGS: Final = frozenset(
    {
        TokenType.STRING,
        TokenType.NATIONAL_STRING,
        TokenType.RAW_STRING,
        TokenType.UNICODE_STRING,
        TokenType.HEX_STRING,
        TokenType.BIT_STRING,
        TokenType.BYTE_STRING,
        TokenType.HEREDOC_STRING,
    }
)
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


def tokenize(sql: str) -> list[Token] | None:
    """The tokens sqlglot's Trino dialect sees.

    None where it sees none: an open quote, or a command (SHOW, EXPLAIN, CALL), whose rest it takes for one string.
    """
    try:
        tokens = Trino().tokenize(sql)
    except SqlglotError:
        return None
    opens_command = bool(tokens) and tokens[0].token_type in _COMMANDS
    return None if opens_command else tokens


def normalise(tokens: Sequence[Token]) -> tuple[str, ...]:
    """Lower-cased words with every literal replaced by its kind, and without aliases and generated names.

    Comments are not tokens.
    """
    words = find_aliases(tokens).replace(tokens, [_word(token) for token in tokens])
    pairs = zip(words, tokens, strict=True)
    return tuple(
        chain.from_iterable(word.split() if token.token_type in _TWO_WORDS else (word,) for word, token in pairs)
    )


def _word(token: Token) -> str:
    kind = token.token_type
    if kind in _STRINGS:
        return STRING
    if kind == TokenType.NUMBER:
        return NUMBER
    word = token.text.lower()
    return without_generated(word) if kind in NAMES else word


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


@dataclass(frozen=True, slots=True)
class Text:
    """A statement's text as its features see it."""

    sql: str
    tokens: tuple[str, ...]

    def count(self, *words: str) -> float:
        """How often these tokens stand in a row."""
        if len(words) == 1:
            return float(self.tokens.count(words[0]))
        starts = range(len(self.tokens) - len(words) + 1)
        return float(sum(self.tokens[start : start + len(words)] == words for start in starts))


TextFeature = Callable[[Text], float]


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
    pairs = zip(text.tokens, text.tokens[1:], strict=False)
    return float(any(second == "*" and first in {"select", ".", ",", "distinct"} for first, second in pairs))


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
