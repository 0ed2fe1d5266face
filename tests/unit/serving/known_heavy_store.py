"""A known-heavy list in memory that can be down."""

from collections.abc import Sequence
from datetime import datetime

from smart_routing.errors import KnownHeavyError
from smart_routing.known_heavy.entries import KnownHeavyEntry, SessionTemplate


class MemoryKnownHeavy:
    """A `KnownHeavyStore`; `is_down` makes every call fail, `reads` counts how often the whole list was asked for."""

    def __init__(self) -> None:
        self.is_down = False
        self.reads = 0
        self.stored: dict[SessionTemplate, KnownHeavyEntry] = {}
        self._changes = 0

    def version(self) -> str:
        self._check()
        return str(self._changes)

    def entries(self) -> tuple[KnownHeavyEntry, ...]:
        self._check()
        self.reads += 1
        return tuple(self.stored.values())

    def add(self, entries: Sequence[KnownHeavyEntry], *, now: datetime) -> None:
        self._check()
        self._changes += 1
        assert all(now < entry.expires_at for entry in entries)
        self.stored |= {entry.key: entry for entry in entries}

    def remove(self, template: SessionTemplate) -> bool:
        self._check()
        self._changes += 1
        return self.stored.pop(template, None) is not None

    def _check(self) -> None:
        if self.is_down:
            raise KnownHeavyError("the list is down")
