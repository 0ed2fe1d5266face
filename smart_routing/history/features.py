"""The history features: what a model sees of the past of a statement's template, user, source and tables."""

from math import isnan, nan
from typing import Final

import numpy as np

from smart_routing.history.keys import SUBJECTS
from smart_routing.history.measures import MEASURES, RUN_MEASURES, Matrix

_TABLE: Final = SUBJECTS.index("table")
_RUNS: Final = len(RUN_MEASURES)
_BYTES, _ROWS = MEASURES.index("bytes"), MEASURES.index("rows")

HISTORY_FEATURES: Final[dict[str, str]] = {
    **{
        f"{subject}_{measure}": f"{told} of this {subject.replace('_', ' ')}."
        for subject in SUBJECTS[:_TABLE]
        for measure, told in RUN_MEASURES.items()
    },
    **{
        f"table_{measure}": f"{told} of one table; the largest of the tables." for measure, told in RUN_MEASURES.items()
    },
    "largest_table_bytes": "Bytes of the largest table, by its largest scan.",
    "tables_bytes": "Bytes of all tables together.",
    "largest_table_rows": "Rows of the largest table, by its largest scan.",
    "second_table_rows": "Rows of the second largest table.",
    "tables_rows": "Rows of all tables together.",
    "tables_with_size": "Tables that a statement was seen to read.",
}
"""Name and meaning, in the order of the vector; all over the past week, NaN where nothing is known."""


def history_features(measures: Matrix) -> list[float]:
    """The values of `HISTORY_FEATURES` for one statement; `measures` are those of its keys, in their order."""
    rows: list[list[float]] = measures.tolist()  # of so few numbers Python is done before numpy has begun
    alone = [value for row in rows[:_TABLE] for value in row[:_RUNS]]
    tables = rows[_TABLE:]
    return [
        *alone,
        *_largest([row[:_RUNS] for row in tables]),
        *_sizes([row for row in tables if not isnan(row[_ROWS])]),
    ]


def table_rows(measures: Matrix) -> list[float]:
    """Rows of each table by its largest scan, NaN where unknown, in the order of the keys."""
    rows: list[float] = measures[_TABLE:, _ROWS].tolist()
    return rows


def _largest(rows: list[list[float]]) -> list[float]:
    """Of each column, NaN left out unless there is nothing else."""
    if len(rows) == 1:
        return rows[0]
    known = [[value for value in column if not isnan(value)] for column in zip(*rows, strict=True)]
    return [max(column, default=nan) for column in known] if rows else [nan] * _RUNS


def _sizes(sized: list[list[float]]) -> list[float]:
    """Of tables whose size is known."""
    if not sized:
        return [nan] * 6
    rows = sorted([row[_ROWS] for row in sized], reverse=True)
    volume = [row[_BYTES] for row in sized]
    second = rows[1] if len(rows) > 1 else nan
    return [max(volume), _sum(volume), rows[0], second, _sum(rows), float(len(sized))]


def _sum(values: list[float]) -> float:
    """As numpy adds single precision, whose rounding models have learnt from: two values are rounded by the vector."""
    return sum(values) if len(values) < 3 else float(np.array(values, dtype=np.float32).sum())
