"""Exemplars: statements of a log whose weight nobody can doubt, and the largest table to join others with."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from models.dataset import Example
from smart_routing.features.context import completed, full_name
from smart_routing.history.keys import key
from smart_routing.history.measures import MEASURES, History
from smart_routing.labels import LabelRule

HEAVY_FROM: Final = 3.0
"""Times a limit: every run of a heavy exemplar cost that much or more. One run is enough, no noise is that large."""
LIGHT_UP_TO: Final = 0.1
"""Times the limits: every run of a light exemplar cost that much of both or less."""
LEAST_LIGHT_RUNS: Final = 5
"""Of a light exemplar: a statement may be cheap by luck once, on an empty partition or warm data."""

_ROWS: Final = MEASURES.index("rows")


@dataclass(frozen=True, slots=True, kw_only=True)
class Exemplars:
    """The last run of every template in a schema that has always been far above, or far below, the limits."""

    heavy: tuple[Example, ...]
    light: tuple[Example, ...]


def exemplars(examples: Iterable[Example], rule: LabelRule) -> Exemplars:
    """Those among examples that are in order of time.

    They come from the log and not from a file: what is heavy beyond doubt on one fleet names no table of another.
    """
    runs: defaultdict[str, list[Example]] = defaultdict(list)
    for example in examples:
        runs[example.template_in_schema].append(example)
    return Exemplars(
        heavy=tuple(found[-1] for found in runs.values() if _always_heavy(found, rule)),
        light=tuple(found[-1] for found in runs.values() if _always_light(found, rule)),
    )


def largest_table(examples: Iterable[Example], history: History) -> str | None:
    """Full name, quoted, of the table with most rows among those that the examples read; None where they read none.

    A table of unknown size counts as an empty one.
    """
    tables = {
        full_name(example.request, table): completed(example.request, table)
        for example in examples
        for table in example.statement.tables
    }
    if not tables:
        return None
    names = sorted(tables)
    rows = np.nan_to_num(history.measures(tuple(key("table", name) for name in names))[:, _ROWS])
    largest = tables[names[int(rows.argmax())]]
    return ".".join(f'"{part}"' for part in (largest.catalog, largest.schema, largest.table) if part)


def _always_heavy(runs: Sequence[Example], rule: LabelRule) -> bool:
    return all(run.share_of_limit(rule) >= HEAVY_FROM for run in runs)


def _always_light(runs: Sequence[Example], rule: LabelRule) -> bool:
    """What failed for its size had cost little by then, and is heavy all the same."""
    light = all(run.share_of_limit(rule) <= LIGHT_UP_TO and not run.heavy for run in runs)
    return light and len(runs) >= LEAST_LIGHT_RUNS
