"""`KnownHeavy`: templates that failed for size before, and are sent to the large cluster without asking the model."""

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final, Self


@dataclass(frozen=True, slots=True)
class KnownHeavy:
    """A set of template fingerprints; equal sets have the same `generation`, 12 hex digits."""

    templates: frozenset[str]
    generation: str

    @classmethod
    def of(cls, templates: Iterable[str]) -> Self:
        known = frozenset(templates)
        return cls(known, blake2b("\n".join(sorted(known)).encode(), digest_size=6).hexdigest())

    def __contains__(self, template: str) -> bool:
        return template in self.templates


NOTHING_KNOWN: Final = KnownHeavy.of(())
