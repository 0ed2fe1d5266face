"""`Timeline`: a whole log's past, looked at as it was known at any moment; training, replay and snapshots read it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray

from smart_routing.history.keys import HistoryKeys, key
from smart_routing.history.measures import MEASURES, MOST_RUNS, RUN_MEASURES, WINDOW, History, Matrix, known_until
from smart_routing.querylog.records import TableInput

_NOTHING: Final[Matrix] = np.full(len(MEASURES), np.nan, dtype=np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A statement that ended: under which keys, what it cost, and what it read of which table."""

    keys: HistoryKeys
    ended_at: datetime
    heavy: bool
    cpu_seconds: float
    memory_bytes: int
    inputs: tuple[TableInput, ...] = ()


class _Series:
    """Rows of numbers in order of time, found by key."""

    def __init__(self, rows: Sequence[tuple[float, int, tuple[float, ...]]], width: int) -> None:
        ordered = sorted(rows, key=lambda row: row[:2])
        self._ended = np.array([ended for ended, _, _ in ordered], dtype=np.float64)
        self._values = np.array([values for _, _, values in ordered], dtype=np.float64).reshape(len(ordered), width)
        places: dict[int, list[int]] = {}
        for place, (_, found, _) in enumerate(ordered):
            places.setdefault(found, []).append(place)
        self._places = {found: np.array(of_key, dtype=np.int64) for found, of_key in places.items()}

    @property
    def keys(self) -> Iterable[int]:
        return self._places.keys()

    def between(self, found: int, start: float, end: float) -> tuple[float, NDArray[np.float64]]:
        """When the last of the key's latest rows in [start, end) ended, and those rows, at most `MOST_RUNS`."""
        places = self._places.get(found)
        if places is None:
            return np.nan, self._values[:0]
        first, last = np.searchsorted(self._ended[places], (start, end))
        chosen = places[max(first, last - MOST_RUNS) : last]
        return (float(self._ended[chosen[-1]]) if len(chosen) else np.nan), self._values[chosen]


class Timeline:
    """All runs of a log. What `at` gives for a moment holds no run that ended later: that is how it looks them up."""

    def __init__(self, runs: Iterable[Run]) -> None:
        told, read = [], []
        for run in runs:
            ended = run.ended_at.timestamp()
            cost = (float(run.heavy), run.cpu_seconds, float(run.memory_bytes))
            told += [(ended, found, cost) for found in run.keys]
            read += [(ended, *_scan(scan)) for scan in run.inputs if _has_size(scan)]
        self._runs, self._reads = _Series(told, 3), _Series(read, 2)
        self._known: dict[float, _Known] = {}

    def at(self, moment: datetime) -> History:
        """The past as a request of this moment could know it."""
        return self.as_of(known_until(moment))

    def as_of(self, moment: datetime) -> History:
        """The past at exactly this moment; what it computes is kept for the next who asks of the same moment."""
        end = moment.timestamp()
        return self._known.setdefault(end, _Known(self, end))

    @property
    def keys(self) -> set[int]:
        return {*self._runs.keys, *self._reads.keys}

    def row(self, found: int, end: float) -> Matrix:
        """The measures of one key over the window that ends, in seconds since 1970, at `end`."""
        start = end - WINDOW.total_seconds()
        ended, runs = self._runs.between(found, start, end)
        _, reads = self._reads.between(found, start, end)
        if not len(runs) and not len(reads):
            return _NOTHING
        row = _NOTHING.copy()
        if len(runs):
            heavy, cpu, memory = runs.T
            row[: len(RUN_MEASURES)] = [
                len(runs),
                heavy.mean(),
                *np.quantile(cpu, (0.5, 0.9, 1.0)),
                *np.quantile(memory, (0.5, 0.9, 1.0)),
                (end - ended) / 3600,
            ]
        if len(reads):
            row[len(RUN_MEASURES) :] = reads.max(axis=0)
        return row


class _Known:
    """A timeline at one moment; keeps the rows that were asked for."""

    def __init__(self, timeline: Timeline, end: float) -> None:
        self._timeline, self._end = timeline, end
        self._rows: dict[int, Matrix] = {}

    @property
    def snapshot(self) -> str:
        return f"timeline-{self._end:.0f}"

    def measures(self, keys: tuple[int, ...]) -> Matrix:
        return np.stack([self._row(found) for found in keys])

    def _row(self, found: int) -> Matrix:
        row = self._rows.get(found)
        if row is None:
            row = self._rows[found] = self._timeline.row(found, self._end)
        return row


def _has_size(scan: TableInput) -> bool:
    """Trino does not always say how much was read, and nothing said is not nothing read."""
    return scan.physical_bytes is not None or scan.physical_rows is not None


def _scan(scan: TableInput) -> tuple[int, tuple[float, float]]:
    """The key of the table, and the bytes and rows that were read of it."""
    name = f"{scan.catalog}.{scan.schema}.{scan.table}".lower()
    return key("table", name), (scan.physical_bytes or 0.0, scan.physical_rows or 0.0)
