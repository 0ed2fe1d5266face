"""Reading a statement: what may be parsed at all, what the parse gave, and what kind of statement it is."""

import logging
import re
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property, partial
from typing import Final

from sqlglot import Token, exp

from smart_routing.errors import ParseTooDearError
from smart_routing.features.effort import effort_of
from smart_routing.features.parser import parse
from smart_routing.features.text import Text, normalise, rough_tokens, tokenize
from smart_routing.querylog.anonymize import template_fingerprint
from smart_routing.stages import Stage, StageEnded, unwatched

logging.getLogger("sqlglot").setLevel(logging.CRITICAL)  # it logs the statement's text when it falls back to a Command


class ParseStatus(StrEnum):
    """How far reading got; a feature, coded by `PARSE_STATUS_CODES`."""

    PARSED = "parsed"
    REJECTED = "rejected"
    TOO_LONG = "too_long"
    TOO_DEEP = "too_deep"
    TOO_MANY_TOKENS = "too_many_tokens"


PARSE_STATUS_CODES: Final = {status: float(code) for code, status in enumerate(ParseStatus)}


class StatementKind(StrEnum):
    """What the policy chain must know of a statement."""

    QUERY = "query"
    METADATA = "metadata"
    WRITE = "write"
    TRANSACTION = "transaction"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class ParseLimits:
    """Caps checked before the parser starts; over any of them a statement keeps its text features only.

    `tokens` counts looks back too (features/effort.py), and is also the steps after which a parse is given up
    (features/parser.py). Without a parse the first `tokens` tokens make the text features.
    """

    bytes: int = 32 * 1024
    depth: int = 300
    tokens: int = 3_000
    type_depth: int = 8


DEFAULT_LIMITS: Final = ParseLimits()


@dataclass(frozen=True, kw_only=True)
class Words:
    """A statement before its parse. Of EXPLAIN ANALYZE and EXECUTE IMMEDIATE, `text` is the inner statement's.

    `for_parser` is what the parser takes, unless the text is `refused`.
    """

    kind: StatementKind
    text: Text
    limits: ParseLimits
    for_parser: list[Token] = field(default_factory=list)
    refused: ParseStatus | None = None

    @property
    def tokens(self) -> tuple[str, ...]:
        return self.text.tokens

    @cached_property
    def template(self) -> str:
        """Fingerprint of the statement's template."""
        return template_fingerprint(self.text.tokens)


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A statement read once; the router and `featurize` look at the same one."""

    words: Words
    parse_status: ParseStatus
    tree: exp.Expr | None

    @property
    def kind(self) -> StatementKind:
        return self.words.kind

    @property
    def text(self) -> Text:
        return self.words.text

    @property
    def template(self) -> str:
        return self.words.template

    @property
    def limits(self) -> ParseLimits:
        return self.words.limits


def read_statement(sql: str, limits: ParseLimits = DEFAULT_LIMITS) -> Statement:
    """Read `sql` within `limits`; never raises."""
    return parsed(read_words(sql, limits))


def read_words(sql: str, limits: ParseLimits = DEFAULT_LIMITS) -> Words:
    """As far as a statement goes without a parse; never raises."""
    inner = _unwrap(sql)
    words = partial(Words, kind=_kind(inner), limits=limits)
    if _is_too_long(inner, limits):
        text = Text(inner, rough_tokens(inner[: limits.bytes])[: limits.tokens])
        return words(text=text, refused=ParseStatus.TOO_LONG)
    tokens = tokenize(inner)
    if tokens is None:
        return words(text=Text(inner, rough_tokens(inner)[: limits.tokens]), refused=ParseStatus.REJECTED)
    return words(text=Text(inner, normalise(tokens[: limits.tokens])), for_parser=tokens)


def parsed(words: Words, *, ended: StageEnded = unwatched) -> Statement:
    """The whole statement; raises nothing but what `ended` does."""
    status = words.refused or _over(words.for_parser, words.limits)
    if status is not None:
        return Statement(words=words, parse_status=status, tree=None)
    found = _parse(words)
    ended(Stage.PARSE)
    if isinstance(found, ParseStatus):
        return Statement(words=words, parse_status=found, tree=None)
    return Statement(words=words, parse_status=ParseStatus.PARSED, tree=found)


def template_tokens(sql: str, limits: ParseLimits = DEFAULT_LIMITS) -> tuple[str, ...] | None:
    """The tokens that `read_statement` finds in `sql`, without a parse.

    None for a statement over `limits`, one that the tokenizer refuses, and one without tokens.
    """
    inner = _unwrap(sql)
    tokens = None if _is_too_long(inner, limits) else tokenize(inner)
    return normalise(tokens) if tokens and _over(tokens, limits) is None else None


_MOST_BYTES: Final = 4
"""Of one character in UTF-8."""


def _is_too_long(sql: str, limits: ParseLimits) -> bool:
    if len(sql) * _MOST_BYTES <= limits.bytes:
        return False
    return len(sql) > limits.bytes or len(sql.encode("utf-8", "surrogatepass")) > limits.bytes


def _parse(words: Words) -> exp.Expr | ParseStatus:
    """The tree of a single statement, or why there is none: whatever the parser raises is of the text."""
    try:
        trees = parse(words.for_parser, words.text.sql, most_steps=words.limits.tokens)
    except ParseTooDearError:
        return ParseStatus.TOO_MANY_TOKENS
    except MemoryError:
        raise
    except Exception:  # sqlglot raises KeyError and IndexError too
        return ParseStatus.REJECTED
    tree = trees[0] if len(trees) == 1 else None
    return ParseStatus.REJECTED if tree is None or isinstance(tree, exp.Command) else tree


def _over(tokens: list[Token], limits: ParseLimits) -> ParseStatus | None:
    """The cap that a parse of these tokens would break."""
    if len(tokens) > limits.tokens:
        return ParseStatus.TOO_MANY_TOKENS
    effort = effort_of(tokens)
    if effort.depth > limits.depth or effort.type_depth > limits.type_depth:
        return ParseStatus.TOO_DEEP
    return ParseStatus.TOO_MANY_TOKENS if effort.tokens > limits.tokens else None


_PIECES: Final = 10_000
"""Comments in a row, before or between the first words, that are passed over; behind more nothing is looked for."""
_COMMENT: Final = r"--[^\n]*+(?:\n|\Z)|/\*.*?\*/"
_BLANK: Final = rf"(?>(?:\s++|{_COMMENT}){{0,{_PIECES}}})"
"""Blanks and comments. Atomic: given back piece by piece, a comment would stretch to the end of a later one, in a time
that doubles with each."""

_LEADING: Final = re.compile(rf"(?>(?:[\s(]++|{_COMMENT}){{0,{_PIECES}}})", re.DOTALL)
_WORD: Final = re.compile(rf"([a-z_]+){_BLANK}", re.DOTALL | re.IGNORECASE)
_LITERAL: Final = re.compile(r"'((?:[^']++|'')*+)'", re.DOTALL)

_METADATA: Final = frozenset({"show", "describe", "desc", "explain", "use", "set", "reset", "prepare", "deallocate"})
_WRITE: Final = frozenset(
    {
        "insert", "update", "delete", "merge", "truncate", "create", "alter", "drop", "grant", "revoke", "deny",
        "refresh", "analyze", "call", "comment",
    }
)  # fmt: skip
_TRANSACTION: Final = frozenset({"start", "commit", "rollback"})
_WRAPPING: Final = frozenset({"explain", "execute"})
_QUERY: Final = frozenset({"select", "with", "values", "table"})


def statement_kind(sql: str) -> StatementKind:
    """The kind by the first keyword; EXPLAIN ANALYZE and EXECUTE IMMEDIATE have the kind of the inner statement.

    Trino's grammar gives every statement away by its first keyword, and the trace of a parse would add nothing to it.
    EXECUTE of a name is unknown: what it runs is elsewhere.
    """
    return _kind(_unwrap(sql))


def _kind(inner: str) -> StatementKind:
    word = _words(inner, most=1)[0]
    if word in _QUERY:
        return StatementKind.QUERY
    if word in _METADATA:
        return StatementKind.METADATA
    if word in _WRITE:
        return StatementKind.WRITE
    return StatementKind.TRANSACTION if word in _TRANSACTION else StatementKind.UNKNOWN


def _unwrap(sql: str) -> str:
    """The inner statement of EXPLAIN ANALYZE [VERBOSE] and of EXECUTE IMMEDIATE, else `sql` itself."""
    first = _words(sql, most=1)[0]
    if first not in _WRAPPING:
        return sql
    _, second, third = _words(sql, most=3)
    if first == "explain" and second == "analyze":
        return sql[_end_of_words(sql, 3 if third == "verbose" else 2) :]
    if first == "execute" and second == "immediate":
        literal = _LITERAL.match(sql, _end_of_words(sql, 2))
        return literal.group(1).replace("''", "'") if literal else sql
    return sql


def _words(sql: str, *, most: int) -> list[str]:
    """The first keywords, lower-cased, brackets and comments before them passed over; "" where there are fewer."""
    words: list[str] = []
    position = _start(sql)
    while len(words) < most and (found := _WORD.match(sql, position)):
        words.append(found.group(1).lower())
        position = found.end()
    return words + [""] * (most - len(words))


def _end_of_words(sql: str, count: int) -> int:
    position = _start(sql)
    for _ in range(count):
        found = _WORD.match(sql, position)
        position = found.end() if found else position
    return position


def _start(sql: str) -> int:
    leading = _LEADING.match(sql)
    return leading.end() if leading else 0
