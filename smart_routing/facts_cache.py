"""`FactsCache`: what texts say, kept across changes of model, history and policy, none of which it depends on."""

from collections import OrderedDict
from dataclasses import dataclass
from sys import getsizeof
from typing import Final

from smart_routing.features.facts import Facts
from smart_routing.features.statement import ParseLimits

_FIXED_BYTES: Final = 1536
_BLOCK_BYTES: Final = 512
"""Of a statement itself, its template, values and tables; and of a block of its plan with its sources."""


@dataclass(frozen=True, slots=True)
class _Kept:
    facts: Facts
    size: int


class FactsCache:
    """Texts that were read, by their digest, the least recently used out first. Not for many threads.

    `max_bytes` bounds the memory of all of them, 0 is no cache. A text counts with all of its words, as if it shared
    none with another.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes: Final = max_bytes
        self._kept: OrderedDict[bytes, _Kept] = OrderedDict()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def is_on(self) -> bool:
        return self._max_bytes > 0

    def get(self, digest: bytes, limits: ParseLimits) -> Facts | None:
        """The facts of the text with this digest under `limits`, where they are kept."""
        kept = self._kept.get(digest)
        if kept is None or kept.facts.limits != limits:
            return None
        self._kept.move_to_end(digest)
        return kept.facts

    def put(self, digest: bytes, facts: Facts) -> None:
        """Keep them in the place of those under other limits."""
        before = self._kept.pop(digest, None)
        kept = self._kept[digest] = _Kept(facts, facts_bytes(facts))
        self._bytes += kept.size - (before.size if before else 0)
        while self._bytes > self._max_bytes:
            _, oldest = self._kept.popitem(last=False)
            self._bytes -= oldest.size


def facts_bytes(facts: Facts) -> int:
    """About the memory that they take."""
    words = sum(map(getsizeof, facts.tokens)) + getsizeof(facts.tokens)
    sources = sum([1 + len(block.sources) for block in facts.plan])
    return _FIXED_BYTES + words + sources * _BLOCK_BYTES
