"""The history features: what a model sees of the past of a statement's template, user, source and tables."""

from typing import Final

import numpy as np

from smart_routing.history.keys import SUBJECTS
from smart_routing.history.measures import MEASURES, RUN_MEASURES, Matrix

_TABLE: Final = SUBJECTS.index("table")
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
    tables = measures[_TABLE:]
    alone = measures[:_TABLE, : len(RUN_MEASURES)].ravel().tolist()
    return [*alone, *_largest(tables[:, : len(RUN_MEASURES)]), *_sizes(tables)]


def table_rows(measures: Matrix) -> list[float]:
    """Rows of each table by its largest scan, NaN where unknown, in the order of the keys."""
    rows: list[float] = measures[_TABLE:, _ROWS].tolist()
    return rows


def _largest(values: Matrix) -> list[float]:
    """Of each column, NaN left out unless there is nothing else."""
    if not len(values):
        return [np.nan] * values.shape[1]
    largest: list[float] = np.fmax.reduce(values, axis=0).tolist()
    return largest


def _sizes(tables: Matrix) -> list[float]:
    sized = tables[~np.isnan(tables[:, _ROWS])]
    if not len(sized):
        return [np.nan] * 6
    rows = np.sort(sized[:, _ROWS])[::-1]
    second = float(rows[1]) if len(rows) > 1 else np.nan
    volume = sized[:, _BYTES]
    return [float(volume.max()), float(volume.sum()), float(rows[0]), second, float(rows.sum()), float(len(sized))]
