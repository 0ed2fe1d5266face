"""Exemplars: statements of a log whose weight nobody can doubt, and the largest table to join others with."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from models.dataset import Example
from smart_routing.features.statement import read_statement
from smart_routing.features.tree import walk
from smart_routing.history.keys import key
from smart_routing.history.measures import MEASURES, History
from smart_routing.labels import LabelRule
from smart_routing.request import Request

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


def of_limit(example: Example, rule: LabelRule) -> float:
    """The cost as a share of its limit, of CPU and memory the larger."""
    return max(example.cpu_seconds / rule.cpu_seconds, example.peak_memory_bytes / rule.memory_bytes)


def largest_table(requests: Sequence[Request], history: History) -> str | None:
    """Full name, quoted, of the table with most rows among those that the requests read; None where they read none.

    A table of unknown size counts as an empty one.
    """
    tables = {name: quoted for request in requests for name, quoted in _tables(request)}
    if not tables:
        return None
    names = sorted(tables)
    rows = np.nan_to_num(history.measures(tuple(key("table", name) for name in names))[:, _ROWS])
    return tables[names[int(rows.argmax())]]


def _always_heavy(runs: Sequence[Example], rule: LabelRule) -> bool:
    return all(of_limit(run, rule) >= HEAVY_FROM for run in runs)


def _always_light(runs: Sequence[Example], rule: LabelRule) -> bool:
    """What failed for its size had cost little by then, and is heavy all the same."""
    light = all(of_limit(run, rule) <= LIGHT_UP_TO and not run.heavy for run in runs)
    return light and len(runs) >= LEAST_LIGHT_RUNS


def _tables(request: Request) -> Iterator[tuple[str, str]]:
    """Names as the history knows them, completed with the session's catalog and schema, each with its quoted form."""
    tree = read_statement(request.sql).tree
    for table in walk(tree).tables if tree is not None else ():
        parts = (table.catalog or request.catalog or "", table.db or request.schema or "", table.name)
        yield ".".join(parts).lower(), ".".join(f'"{part}"' for part in parts if part)
