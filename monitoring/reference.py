"""`Reference`: the statements that a version was made from, as it saw them; every later window is held against them."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Self

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from monitoring.frame import HEAVY, HEAVY_PROBABILITY, NEAR_THRESHOLD, SUBMITTED_AT, TEXT_COLUMNS, monitoring_frame
from smart_routing.errors import BundleError
from smart_routing.features.context import CONTEXT_FIELDS
from smart_routing.features.facts import Facts
from smart_routing.history.measures import NO_HISTORY, HistorySource
from smart_routing.inference import Model
from smart_routing.request import Request

REFERENCE_ARTIFACT: Final = "reference/reference.parquet"
"""Where a version's run keeps its reference, among its artifacts."""

LEARNT: Final = "learnt"
FITTED_COLUMNS: Final = frozenset(
    {HEAVY_PROBABILITY, HEAVY, NEAR_THRESHOLD, *TEXT_COLUMNS, *(f"{field}_share" for field in CONTEXT_FIELDS)}
)
"""Columns that the fit has coloured: on statements it learnt from, scores are surer and no name is new."""

_GAIN: Final = b"gain"


@dataclass(frozen=True)
class Reference:
    """Rows of a `monitoring_frame` with `learnt`: true in the block that trees and vocabulary were fitted on.

    `gain` maps columns to the total gain of the trees' splits on them; a column without splits is not in it.
    """

    rows: pd.DataFrame
    gain: Mapping[str, float]

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def end(self) -> datetime:
        """When the last of its statements was submitted; there must be one."""
        latest: datetime = self.rows[SUBMITTED_AT].max().to_pydatetime()
        return latest

    @cached_property
    def learnt(self) -> pd.DataFrame:
        return self.rows[self.rows[LEARNT]]

    @cached_property
    def held_out(self) -> pd.DataFrame:
        """What the model met as it meets a new day: the blocks of calibration and holdout."""
        return self.rows[~self.rows[LEARNT]]

    def since(self, moment: datetime) -> Self:
        """Only what was submitted at `moment` (timezone-aware) or later."""
        return replace(self, rows=self.rows[self.rows[SUBMITTED_AT] >= pd.Timestamp(moment)])

    def outside(self, start: datetime, end: datetime) -> Self:
        """Only what was not submitted in [start, end): a window must not be compared with itself."""
        moments = self.rows[SUBMITTED_AT]
        kept = (moments < pd.Timestamp(start)) | (moments >= pd.Timestamp(end))
        return self if kept.all() else replace(self, rows=self.rows[kept])

    def predicted_heavy(self) -> Self:
        """Only what the model called heavy without having learnt from it."""
        held_out = self.held_out
        return replace(self, rows=held_out[held_out[HEAVY]])


def make_reference(
    learnt: Iterable[Request],
    held_out: Iterable[Request],
    *,
    model: Model,
    gain: Mapping[str, float],
    history: HistorySource = NO_HISTORY,
    facts: Mapping[str, Facts] | None = None,
) -> Reference:
    """The reference of `model`: the requests of its training block, and those of calibration and holdout.

    `facts` are those of texts that were read before.
    """
    blocks = [
        monitoring_frame(learnt, model, history, facts=facts).assign(**{LEARNT: True}),
        monitoring_frame(held_out, model, history, facts=facts).assign(**{LEARNT: False}),
    ]
    return Reference(pd.concat(blocks, ignore_index=True), dict(gain))


def write_reference(reference: Reference, path: Path) -> None:
    """Write a reference to a Parquet file, its folder made where it is missing."""
    table = pa.Table.from_pandas(reference.rows, preserve_index=False)
    gain = json.dumps(dict(reference.gain), sort_keys=True).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table.replace_schema_metadata({**(table.schema.metadata or {}), _GAIN: gain}), path)


def read_reference(path: Path) -> Reference:
    """What `write_reference` wrote; raises `BundleError` that names the file where it is anything else."""
    try:
        table = pq.read_table(path)
        gain: dict[str, Any] = json.loads((table.schema.metadata or {})[_GAIN])
        rows = table.to_pandas()
        return Reference(rows.astype({LEARNT: bool}), gain)
    except (OSError, pa.ArrowException, ValueError, KeyError) as error:
        raise BundleError(f"{path.name} is no drift reference: {error!r}") from error
