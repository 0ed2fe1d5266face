"""What is measured of a key's past, and the window of it that counts."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

RUN_MEASURES: Final = {
    "runs": "Runs",
    "heavy_share": "Share of heavy runs",
    "cpu_p50": "Median CPU seconds",
    "cpu_p90": "90th percentile of the CPU seconds",
    "cpu_max": "Most CPU seconds",
    "memory_p50": "Median peak memory in bytes",
    "memory_p90": "90th percentile of the peak memory in bytes",
    "memory_max": "Most peak memory in bytes",
    "idle_hours": "Hours since the last end",
}
MEASURES: Final = (*RUN_MEASURES, "bytes", "rows")
"""The columns of a table of measures: those of runs, and the most that one scan of a table read. NaN where unknown."""

WINDOW: Final = timedelta(days=7)
DELAY: Final = timedelta(minutes=10)
"""From the end of a statement to the moment when a snapshot with it is in force everywhere: event, store, snapshot."""
MOST_RUNS: Final = 200
"""The latest runs of a key in the window that count; more say little and cost time."""

Matrix = NDArray[np.float32]


class History(Protocol):
    """The past as it was known at one moment. `snapshot` names it, None for no past at all."""

    @property
    def snapshot(self) -> str | None: ...

    def measures(self, keys: tuple[int, ...]) -> Matrix:
        """Shape (len(keys), len(MEASURES)); a row of NaN for a key without a past."""
        ...


class HistorySource(Protocol):
    """Where a router finds the past of a request."""

    def at(self, moment: datetime) -> History:
        """What was known at a timezone-aware moment: nothing that ended after it, ever."""
        ...


@dataclass(frozen=True, slots=True)
class NoHistory:
    """Nothing is known of anything."""

    snapshot: None = None

    def at(self, _moment: datetime) -> "NoHistory":
        return self

    def measures(self, keys: tuple[int, ...]) -> Matrix:
        return np.full((len(keys), len(MEASURES)), np.nan, dtype=np.float32)


NO_HISTORY: Final = NoHistory()


def known_until(moment: datetime) -> datetime:
    """The end of what a request of this moment may know: the last full hour, UTC, that is `DELAY` past."""
    return (moment - DELAY).astimezone(UTC).replace(minute=0, second=0, microsecond=0)
