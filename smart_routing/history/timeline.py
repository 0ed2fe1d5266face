"""`Timeline`: a whole log's past, looked at as it was known at any moment; training, replay and snapshots read it."""

from array import array
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray

from smart_routing.history.keys import HistoryKeys, key
from smart_routing.history.measures import MEASURES, MOST_RUNS, RUN_MEASURES, WINDOW, History, Matrix, known_until
from smart_routing.querylog.records import TableInput

_NOTHING: Final[Matrix] = np.full(len(MEASURES), np.nan, dtype=np.float32)
_MOMENTS_KEPT: Final = 24
"""A log is read in order of time, and every hour is a moment of its own."""


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
    """Rows of numbers by key and, of one key, in order of time; columns of numpy, because a log has millions."""

    def __init__(self, width: int) -> None:
        self._width = width
        self._told = (array("q"), array("d"), array("d"))

    def add(self, found: int, ended: float, values: Iterable[float]) -> None:
        """A row; `ended` in seconds since 1970."""
        keys, ends, numbers = self._told
        keys.append(found)
        ends.append(ended)
        numbers.extend(values)

    def close(self) -> None:
        """No more rows are added; from now on they are found."""
        keys, ends, numbers = (np.array(column) for column in self._told)
        order = np.lexsort((ends, keys))
        self._told = (array("q"), array("d"), array("d"))
        self.keys, first = np.unique(keys[order], return_index=True)
        self._bounds = np.append(first, len(order))
        self.ended = ends[order]
        self.values = numbers.reshape(-1, self._width)[order]

    def between(self, found: int, start: float, end: float) -> slice:
        """Where the key's latest rows in [start, end) are, at most `MOST_RUNS`."""
        place = int(self.keys.searchsorted(found))
        if place == len(self.keys) or self.keys[place] != found:
            return slice(0, 0)
        lowest, highest = self._bounds[place], self._bounds[place + 1]
        first, last = lowest + self.ended[lowest:highest].searchsorted((start, end))
        return slice(int(max(first, last - MOST_RUNS)), int(last))


class Timeline:
    """All runs of a log. What `at` gives for a moment holds no run that ended later: that is how it looks them up."""

    def __init__(self, runs: Iterable[Run]) -> None:
        self._runs, self._reads = _Series(3), _Series(2)
        for run in runs:
            ended = run.ended_at.timestamp()
            for found in run.keys:
                self._runs.add(found, ended, (run.heavy, run.cpu_seconds, run.memory_bytes))
            for scan in run.inputs:
                if _has_size(scan):
                    self._reads.add(_key(scan), ended, (scan.physical_bytes or 0, scan.physical_rows or 0))
        self._runs.close()
        self._reads.close()
        self._known: OrderedDict[float, _Known] = OrderedDict()

    def at(self, moment: datetime) -> History:
        """The past as a request of this moment could know it."""
        return self.as_of(known_until(moment))

    def as_of(self, moment: datetime) -> History:
        """The past at exactly this moment; what it computes is kept for the next who soon asks of the same moment."""
        end = moment.timestamp()
        known = self._known.get(end)
        if known is None:
            known = self._known[end] = _Known(self, end)
            if len(self._known) > _MOMENTS_KEPT:
                self._known.popitem(last=False)
        return known

    @property
    def keys(self) -> set[int]:
        return {*self._runs.keys.tolist(), *self._reads.keys.tolist()}

    def row(self, found: int, end: float) -> Matrix:
        """The measures of one key over the window that ends, in seconds since 1970, at `end`."""
        start = end - WINDOW.total_seconds()
        runs, reads = self._runs.between(found, start, end), self._reads.between(found, start, end)
        if runs.start == runs.stop and reads.start == reads.stop:
            return _NOTHING
        row = _NOTHING.copy()
        if count := runs.stop - runs.start:
            heavy, cpu, memory = self._runs.values[runs].T
            row[: len(RUN_MEASURES)] = [
                count,
                heavy.sum() / count,
                *_quantiles(cpu),
                *_quantiles(memory),
                (end - self._runs.ended[runs.stop - 1]) / 3600,
            ]
        if reads.start != reads.stop:
            row[len(RUN_MEASURES) :] = self._reads.values[reads].max(axis=0)
        return row


def _quantiles(values: NDArray[np.float64]) -> tuple[float, float, float]:
    """Median, 90th percentile and maximum: what `np.quantile` gives, without the 50 us that it takes for few values."""
    ordered = np.sort(values).tolist()
    return _quantile(ordered, 0.5), _quantile(ordered, 0.9), ordered[-1]


def _quantile(ordered: list[float], share: float) -> float:
    """Between two values in proportion, from the nearer of the two, as numpy does: equal to the last bit."""
    place = (len(ordered) - 1) * share
    below = int(place)
    if below == len(ordered) - 1:
        return ordered[-1]
    weight, low, high = place - below, ordered[below], ordered[below + 1]
    return high - (high - low) * (1 - weight) if weight >= 0.5 else low + (high - low) * weight


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


def _key(scan: TableInput) -> int:
    return key("table", f"{scan.catalog}.{scan.schema}.{scan.table}".lower())
