"""`Pair`: the reference, given the window's mix, beside the window; and what moved between them, column by column."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from monitoring.drift.bins import Bins, Counts, NumericBins, psi, psi_by_chance, rise_by_chance, together
from monitoring.drift.strata import Strata, Weights, effective
from monitoring.drift.tally import Chosen, Side, Tally

ENOUGH: Final = 4.0
"""n m / (n + m) of independent rows from which on a comparison says anything (Stephens 1970)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """One column on both sides: shares by bin, reference reweighted; `sizes` are the independent rows it rests on.

    `distance` is the PSI beyond what chance gives on average, at least 0; `p_value` is that of "nothing changed".
    """

    column: str
    bins: Bins
    reference: Counts
    current: Counts
    sizes: tuple[float, float]
    distance: float
    p_value: float
    rise: float

    @property
    def shares(self) -> tuple[float, float]:
        """Of a column that is true or false: how often true, in reference and window."""
        return float(self.reference[1]), float(self.current[1])

    def __str__(self) -> str:
        """Where the two are farthest apart, in words."""
        if not isinstance(self.bins, NumericBins):
            return f"the mix of {self.column} moved (PSI {self.distance:.2f})"
        below, now = np.cumsum(self.reference), np.cumsum(self.current)
        place = int(np.abs(below - now).argmax())
        return self._at(self.bins, min(place, len(self.bins.cuts)), float(below[place]), float(now[place]))

    def _at(self, bins: NumericBins, place: int, before: float, now: float) -> str:
        if place == len(bins.cuts):
            return f"{self.column} is known in {now:.1%} of the statements, usually in {before:.1%}"
        where = f"at most {bins.cuts[place]:.3g}"
        if now < before:
            where, before, now = f"above {bins.cuts[place]:.3g}", 1.0 - before, 1.0 - now
        return f"{self.column} is {where} in {now:.1%} of the statements, usually in {before:.1%}"


@dataclass(frozen=True)
class Pair:
    """The strata of the reference and those of the window that are compared."""

    strata: Strata
    reference: Side
    current: Side
    of_reference: Chosen
    of_current: Chosen

    @cached_property
    def _row_weights(self) -> Weights:
        return self._balance(self.reference.rows, self.current.rows)

    @cached_property
    def _unit_weights(self) -> Weights:
        return self._balance(self.reference.units, self.current.units)

    def _balance(self, reference: Tally, current: Tally) -> Weights:
        before, now = reference.rows * self.of_reference, current.rows * self.of_current
        return self.strata.balance(before, now) * self.of_reference

    @cached_property
    def sizes(self) -> tuple[float, float]:
        """The independent rows that reference, after reweighting, and window are worth."""
        return (
            effective(self.reference.units.rows, self._unit_weights),
            float((self.current.units.rows * self.of_current).sum()),
        )

    @property
    def rows(self) -> int:
        """Of the window."""
        return int((self.current.rows.rows * self.of_current).sum())

    def move(self, column: str, *, known_only: bool = False) -> Move | None:
        """What became of a column, with `known_only` among its rows that have a value; None where too few have one."""
        bins = self.reference.rows.coded.bins[column]
        kept = np.ones(bins.size)
        kept[-1] = not known_only
        before, now = (side.counts(column) * kept for side in (self.reference.rows, self.current.rows))
        once_before, once_now = (side.counts(column) * kept for side in (self.reference.units, self.current.units))
        sizes = (
            effective(once_before.sum(axis=1), self._unit_weights),
            float((once_now.sum(axis=1) * self.of_current).sum()),
        )
        if together(sizes) < ENOUGH:
            return None
        rows = (self._row_weights @ before, self.of_current @ now)
        units = (self._unit_weights @ once_before, self.of_current @ once_now)
        return Move(
            column=column,
            bins=bins,
            reference=_shares(rows[0]),
            current=_shares(rows[1]),
            sizes=sizes,
            distance=max(psi(*rows) - psi_by_chance(*rows, sizes=sizes), 0.0),
            p_value=bins.chance(*units, sizes=sizes),
            rise=rise_by_chance(*units, sizes=sizes) if bins.size == 2 else 1.0,
        )


def combined(p_values: Sequence[float], weights: Sequence[float]) -> float:
    """One p-value of several that may depend on each other (Liu and Xie, Cauchy combination test, JASA 115, 2020)."""
    clipped = np.clip(p_values, 1e-15, 1.0 - 1e-9)
    statistic = np.average(np.tan((0.5 - clipped) * np.pi), weights=weights)
    return float(0.5 - np.arctan(statistic) / np.pi)


def _shares(counts: Counts) -> Counts:
    return counts / (counts.sum() or 1.0)
