"""`DriftSummary`: what of a window is not as the reference was; numpy over every row, nothing sampled."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final, Self

import numpy as np
import pandas as pd

from monitoring.distance import bins_of, psi, psi_by_chance
from monitoring.frame import (
    HEAVY,
    HEAVY_PROBABILITY,
    NEAR_THRESHOLD,
    SOURCE,
    SUBMITTED_AT,
    TEMPLATE,
    TENANT,
    TEXT_COLUMNS,
)
from monitoring.reference import FITTED_COLUMNS, Reference
from monitoring.thresholds import DriftThresholds
from monitoring.window import Window
from smart_routing.features.context import TIME_FEATURES
from smart_routing.features.schema import DENSE_NAMES
from smart_routing.statistics import lower_limit, upper_limit

_CALENDAR: Final = frozenset(feature.__name__ for feature in TIME_FEATURES)  # any window is one day of the week
FEATURE_COLUMNS: Final = tuple(name for name in DENSE_NAMES if name not in _CALENDAR)
COMPARED_COLUMNS: Final = (HEAVY_PROBABILITY, TENANT, SOURCE, *TEXT_COLUMNS, *FEATURE_COLUMNS)
NAMED: Final = frozenset({TENANT, SOURCE})
"""Kinds of names that may be told to people as they are; users and templates are hashed."""

MOST_NAMES: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnDrift:
    """The PSI of one column, the `limit` from which on it counts, and the share of the model's gain in the column."""

    column: str
    psi: float
    limit: float
    gain_share: float

    @property
    def drifted(self) -> bool:
        return self.psi >= self.limit

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "drifted": self.drifted}


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareDrift:
    """A share of the statements, 0 to 1, in the reference and in the window."""

    name: str
    reference: float
    current: float
    drifted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class NewNames:
    """The share of statements whose tenant, source, user or template the reference has not.

    `reference` is what is usual: the share of its held-out statements with a name that its learnt ones have not.
    `names` are the most frequent new ones, where such names may be told.
    """

    kind: str
    reference: float
    current: float
    drifted: bool
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftSummary:
    """A window against a reference. Nothing is compared, and the tuples are empty, where a side has too few rows.

    `columns` are those of all statements, `heavy_columns` the same of the ones called heavy: of a rare class the whole
    says little. `drift_share` is the share of the model's gain that lies in drifted columns, 0 to 1.
    """

    window: Window
    reference_rows: int
    current_rows: int
    columns: tuple[ColumnDrift, ...] = ()
    heavy_columns: tuple[ColumnDrift, ...] = ()
    shares: tuple[ShareDrift, ...] = ()
    new_names: tuple[NewNames, ...] = ()

    @property
    def compared(self) -> bool:
        return bool(self.columns)

    @property
    def drift_share(self) -> float:
        return sum((column.gain_share for column in self.columns if column.drifted), start=0.0)

    @property
    def moved(self) -> tuple[ColumnDrift, ...]:
        """The drifted columns, those that moved most first."""
        return tuple(sorted((c for c in self.columns if c.drifted), key=lambda column: -column.psi))

    def share(self, name: str) -> ShareDrift | None:
        return next((share for share in self.shares if share.name == name), None)

    def as_json(self) -> dict[str, Any]:
        """Everything, as it is kept in drift.json."""
        return {
            **asdict(self),
            "window": {"start": self.window.start.isoformat(), "end": self.window.end.isoformat()},
            "columns": [column.as_json() for column in self.columns],
            "heavy_columns": [column.as_json() for column in self.heavy_columns],
            "drift_share": self.drift_share,
        }


def summarise(
    reference: Reference, current: pd.DataFrame, *, window: Window, thresholds: DriftThresholds
) -> DriftSummary:
    """Compare the rows of a window (a `monitoring_frame`) with those of a reference that lie outside it."""
    reference = reference.outside(window.start, window.end)
    summary = DriftSummary(window=window, reference_rows=len(reference), current_rows=len(current))
    if min(len(reference.learnt), len(reference.held_out), len(current)) < thresholds.min_rows:
        return summary
    sides = _Sides.of(reference, current)
    return replace(
        summary,
        columns=_compare_columns(sides, reference.gain, thresholds),
        heavy_columns=_compare_heavy(reference, current, thresholds),
        shares=tuple(_compare_share(name, sides, thresholds) for name in (HEAVY, NEAR_THRESHOLD)),
        new_names=tuple(
            _new_names(kind, reference, current, rise=rise) for kind, rise in thresholds.new_share.model_dump().items()
        ),
    )


def independent(rows: pd.DataFrame) -> "pd.Series[bool]":
    """True for the first row of each template x tenant x day: repeats of a statement are one piece of evidence."""
    return ~rows[[TEMPLATE, TENANT]].assign(day=rows[SUBMITTED_AT].dt.floor("D")).duplicated()


@dataclass(frozen=True, slots=True)
class _Sample:
    """Rows, and how many of them are independent."""

    rows: pd.DataFrame
    units: int

    @classmethod
    def of(cls, rows: pd.DataFrame) -> Self:
        return cls(rows, int(independent(rows).sum()))


@dataclass(frozen=True, slots=True)
class _Sides:
    """The samples of a comparison; `held_out` stands for the reference in columns that the fit has coloured."""

    whole: _Sample
    held_out: _Sample
    current: _Sample

    @classmethod
    def of(cls, reference: Reference, current: pd.DataFrame) -> Self:
        return cls(_Sample.of(reference.rows), _Sample.of(reference.held_out), _Sample.of(current))

    def reference(self, column: str) -> _Sample:
        return self.held_out if column in FITTED_COLUMNS else self.whole


def _compare_columns(sides: _Sides, gain: Mapping[str, float], thresholds: DriftThresholds) -> tuple[ColumnDrift, ...]:
    whole = sum(gain.get(column, 0.0) for column in COMPARED_COLUMNS) or 1.0
    return tuple(
        _compare_column(column, sides, gain_share=gain.get(column, 0.0) / whole, thresholds=thresholds)
        for column in COMPARED_COLUMNS
    )


def _compare_column(column: str, sides: _Sides, *, gain_share: float, thresholds: DriftThresholds) -> ColumnDrift:
    reference, current = sides.reference(column), sides.current
    bins = bins_of(reference.rows[column])
    before, now = bins.counts(reference.rows[column]), bins.counts(current.rows[column])
    by_chance = psi_by_chance(before, now, units=(reference.units, current.units), chance=thresholds.chance)
    return ColumnDrift(column=column, psi=psi(before, now), limit=max(thresholds.psi, by_chance), gain_share=gain_share)


def _compare_heavy(reference: Reference, current: pd.DataFrame, thresholds: DriftThresholds) -> tuple[ColumnDrift, ...]:
    heavy_reference, heavy_current = reference.predicted_heavy(), current[current[HEAVY]]
    if min(len(heavy_reference), len(heavy_current)) < thresholds.min_rows:
        return ()
    return _compare_columns(_Sides.of(heavy_reference, heavy_current), reference.gain, thresholds)


def _compare_share(name: str, sides: _Sides, thresholds: DriftThresholds) -> ShareDrift:
    """Drifted where the odds change by the threshold's factor and more than by chance; half a row is added each way."""
    reference, current = sides.reference(name), sides.current
    before, now = (np.bincount(sample.rows[name], minlength=2) for sample in (reference, current))
    change = np.log((now[1] + 0.5) / (now[0] + 0.5)) - np.log((before[1] + 0.5) / (before[0] + 0.5))
    by_chance = psi_by_chance(before, now, units=(reference.units, current.units), chance=thresholds.chance)
    return ShareDrift(
        name=name,
        reference=float(reference.rows[name].mean()),
        current=float(current.rows[name].mean()),
        drifted=bool(abs(change) >= np.log(thresholds.odds_ratio) and psi(before, now) >= by_chance),
    )


def _new_names(kind: str, reference: Reference, current: pd.DataFrame, *, rise: float) -> NewNames:
    """Drifted where the share rose by `rise` and the 95% one-sided limits, over independent rows, do not meet."""
    before = ~reference.held_out[kind].isin(set(reference.learnt[kind]))
    now = ~current[kind].isin(set(reference.rows[kind]))
    once_before, once_now = before[independent(reference.held_out)], now[independent(current)]
    lowest, highest = (
        lower_limit(int(once_now.sum()), len(once_now)),
        upper_limit(int(once_before.sum()), len(once_before)),
    )
    certain = lowest > highest
    names = current[kind][now].value_counts().index[:MOST_NAMES] if kind in NAMED else ()
    return NewNames(
        kind=kind,
        reference=float(before.mean()),
        current=float(now.mean()),
        drifted=bool(certain and now.mean() - before.mean() >= rise),
        names=tuple(names),
    )


def strongest(columns: Sequence[ColumnDrift], most: int) -> tuple[ColumnDrift, ...]:
    """The columns nearest to or farthest beyond their limits, first the farthest."""
    return tuple(sorted(columns, key=lambda column: -column.psi / column.limit)[:most])
