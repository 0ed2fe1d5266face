"""Entries that tests vary."""

from datetime import UTC, datetime, timedelta
from typing import Any

from smart_routing.known_heavy.entries import KnownHeavyEntry

NOW = datetime(2026, 10, 5, 12, tzinfo=UTC)


def entry(number: int = 0, *, hours: float = 1.0, **changes: Any) -> KnownHeavyEntry:
    """The entry of a template named by `number`, which expires `hours` after `NOW`."""
    fields: dict[str, Any] = {
        "template": f"{number:016x}",
        "catalog": "lake",
        "schema": "search",
        "reason": "EXCEEDED_CPU_LIMIT",
        "query_id": f"q{number}",
        "added_at": NOW,
        "expires_at": NOW + timedelta(hours=hours),
        "note": "bo: ünlucky",
    }
    return KnownHeavyEntry(**(fields | changes))
