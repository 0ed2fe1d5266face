"""A policy document as it stands in a file."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

NOW: Final = datetime(2026, 10, 5, 12, tzinfo=UTC)
SOON: Final = NOW + timedelta(minutes=5)


def document(**changes: Any) -> dict[str, Any]:
    """Two overrides, of which the second ends `SOON`; `changes` applied."""
    return {
        "revision": 3,
        "overrides": [
            {"match": {"user": "etl"}, "decision": "heavy"},
            {"match": {"source": "bi"}, "decision": "light", "expires_at": SOON.isoformat(), "note": "ana: load test"},
        ],
    } | changes
