"""Estimates of the rows that a statement reads, joins and holds: its plan, and the sizes that its tables had lately."""

from collections.abc import Sequence
from math import isnan, nan
from typing import Final

from smart_routing.features.plan import Block, Plan, Source

ESTIMATES: Final = {
    "scanned_rows": "Rows of all sources that the statement reads, a table as often as it is named.",
    "scanned_cells": "The same times the columns that are read of each.",
    "build_rows": "Rows that joins must hold in memory: of the sources of each SELECT all but the largest, filtered.",
    "build_cells": "The same times the columns that are read of each.",
    "joined_rows": "Rows of the largest join, by textbook shares of what predicates keep.",
    "processed_rows": "Rows that come out of all joins, left out where a LIMIT ends the work early.",
}
"""Name and meaning, in the order of the vector; NaN where no table has a known size."""

_UNKNOWN_TABLE: Final = 1000.0
_NO_TABLE: Final = 10.0
"""Rows of VALUES, UNNEST and functions."""
_MOST: Final = 1e15
_GROUPS: Final = 0.7
_DISTINCT: Final = 0.8
"""Exponents: a million rows make about 16,000 groups, and 63,000 distinct rows."""
_FEWEST_KEPT: Final = 1e-4


def estimates(plan: Plan, table_rows: Sequence[float]) -> list[float]:
    """The values of `ESTIMATES`; `table_rows` by place, NaN for a table whose size is unknown.

    Nothing here knows statistics of columns: predicates keep fixed shares (features/plan.py), a join of linked sources
    has the rows of its largest one less what the filters of all keep, and sources that nothing links multiply.
    """
    if all(isnan(rows) for rows in table_rows) or not plan:
        return [nan] * len(ESTIMATES)
    walk = _Walk(table_rows)
    for block in plan:
        walk.add(block)
    return walk.totals


class _Walk:
    """Goes through the blocks and adds up."""

    def __init__(self, table_rows: Sequence[float]) -> None:
        self._table_rows = table_rows
        self._outputs: list[float] = []
        self.totals = [0.0] * len(ESTIMATES)

    def add(self, block: Block) -> None:
        read = [self._rows(source) for source in block.sources]
        if block.union:
            self._outputs.append(min(sum(read), block.limit))
            return
        joined = _joined(block, read)
        self._count(block, read, joined)
        self._outputs.append(min(_output(block, joined), block.limit))

    def _rows(self, source: Source) -> float:
        if source.table is not None:
            rows = self._table_rows[source.table]
            return _UNKNOWN_TABLE if isnan(rows) else max(rows, 1.0)
        return _NO_TABLE if source.block is None else self._outputs[source.block]

    def _count(self, block: Block, read: Sequence[float], joined: float) -> None:
        filtered = [max(rows * source.kept, 1.0) for rows, source in zip(read, block.sources, strict=True)]
        scanned = sum(rows for rows, source in zip(read, block.sources, strict=True) if source.table is not None)
        build = sum(filtered) - max(filtered, default=0.0)
        columns = block.columns / max(1, len(read))
        processed = 0.0 if block.streams and block.limit < _MOST else joined
        rows, cells, held, held_cells, largest, done = self.totals
        self.totals = [
            min(_MOST, rows + scanned),
            min(_MOST, cells + sum(read) * columns),
            min(_MOST, held + build),
            min(_MOST, held_cells + build * columns),
            max(largest, joined),
            min(_MOST, done + processed),
        ]


def _joined(block: Block, read: Sequence[float]) -> float:
    """Rows that come out of the joins and filters of one SELECT, at least 1."""
    largest: dict[int, float] = {}
    share: dict[int, float] = {}
    for rows, source in zip(read, block.sources, strict=True):
        place = source.component
        largest[place] = max(largest.get(place, 0.0), rows)
        share[place] = share.get(place, 1.0) * max(source.kept, _FEWEST_KEPT)
    joined = block.kept
    for place, rows in largest.items():
        joined = min(_MOST, joined * max(1.0, rows * share[place]))
    return max(1.0, joined)


def _output(block: Block, joined: float) -> float:
    if block.groups:
        return float(joined**_GROUPS)
    if block.aggregates:
        return 1.0
    return float(joined**_DISTINCT) if block.distinct else joined
