"""A statement's template: what stays of it when literals and list lengths are taken out."""

from collections.abc import Iterator, Sequence
from hashlib import blake2b
from typing import Final

from smart_routing.features.text import NUMBER, STRING

_LIST: Final = "<list>"
_LIST_ITEMS: Final = frozenset(
    {STRING, NUMBER, ",", "(", ")", "+", "-", "?", "null", "true", "false", "date", "time", "timestamp", "decimal"}
)
_BEFORE_A_SIGN: Final = frozenset(
    {"(", ",", "=", "<", ">", "<=", ">=", "<>", "!=", "+", "-", "*", "/", "%"}
    | {"select", "values", "then", "else", "when", "and", "or", "not", "between", "like", "limit", "offset", "return"}
)


def template_fingerprint(tokens: Sequence[str]) -> str:
    """16 hex digits naming the template of a statement, given its `normalised_tokens`.

    Statements that differ only in literals, their signs, the length of IN lists or trailing semicolons share it.
    Linear in the number of tokens.
    """
    end = len(tokens)
    while end and tokens[end - 1] == ";":
        end -= 1
    kept: Sequence[str] = tokens[:end]
    if "in" in kept:
        kept = list(_collapsed(kept))
    if "-" in kept:
        kept = list(_unsigned(kept))
    template = "\0".join(kept)
    return blake2b(template.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def _collapsed(tokens: Sequence[str]) -> Iterator[str]:
    position = 0
    while position < len(tokens):
        yield tokens[position]
        position += 1
        if tokens[position - 1] == "in":
            close = _end_of_list(tokens, position)
            if close > position:
                yield from ("(", _LIST, ")")
                position = close


def _end_of_list(tokens: Sequence[str], start: int) -> int:
    """Position behind the list of literals that opens at `start`; `start` itself where none does.

    No item is the word `in`, so scans never overlap and all of them together are linear.
    """
    depth = 0
    for position in range(start, len(tokens)):
        token = tokens[position]
        if token not in _LIST_ITEMS:
            return start
        depth += (token == "(") - (token == ")")
        if depth <= 0:
            return position + 1 if position > start and token == ")" else start
    return start


def _unsigned(tokens: Sequence[str]) -> Iterator[str]:
    """Leaves out the sign of a negative literal; a minus between two operands stays."""
    for position, token in enumerate(tokens):
        is_sign = (
            token == "-"
            and position + 1 < len(tokens)
            and tokens[position + 1] == NUMBER
            and position > 0
            and tokens[position - 1] in _BEFORE_A_SIGN
        )
        if not is_sign:
            yield token
