"""The store of the known-heavy list: what every implementation offers."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from smart_routing.known_heavy.entries import KnownHeavyEntry, SessionTemplate


class KnownHeavyStore(Protocol):
    """A bounded list, one entry a template, shared by processes; failures of the storage raise `KnownHeavyError`.

    When it is full, those that expire first go first. Any thread may call.
    """

    def version(self) -> str:
        """Another one after each change; one small read."""
        ...

    def entries(self) -> tuple[KnownHeavyEntry, ...]:
        """The whole list, those that expire first first; expired ones may still be among them."""
        ...

    def add(self, entries: Sequence[KnownHeavyEntry], *, now: datetime) -> None:
        """Adds all of them or renews those that are there, and clears away what has expired at `now`."""
        ...

    def remove(self, template: SessionTemplate) -> bool:
        """Whether it was there."""
        ...
