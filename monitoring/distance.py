"""How far two samples of one column are apart: bins frozen by the reference, and the population stability index."""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import chi2

DECILES: Final = np.arange(0.1, 1.0, 0.1)
SMALLEST_CATEGORY: Final = 0.01
"""Categories with a smaller share of the reference count as one."""

_PSEUDO_COUNT: Final = 0.5

Counts = NDArray[np.int64]


class Bins(Protocol):
    """A partition of a column's values, fixed by the reference."""

    def counts(self, values: "pd.Series[Any]") -> Counts:
        """How many of the values fall into each bin, shape (bins,); each value is in one."""
        ...


@dataclass(frozen=True, slots=True)
class NumericBins:
    """Intervals between ascending `cuts`, each closed above; one more bin holds NaN."""

    cuts: NDArray[np.float64]

    def counts(self, values: "pd.Series[Any]") -> Counts:
        numbers = values.to_numpy(dtype=np.float64)
        places = np.searchsorted(self.cuts, numbers, side="left")
        return np.bincount(np.where(np.isnan(numbers), len(self.cuts) + 1, places), minlength=len(self.cuts) + 2)


@dataclass(frozen=True, slots=True)
class CategoryBins:
    """A bin for each frequent category, one for the rare ones together, one for those the reference has not."""

    frequent: tuple[Hashable, ...]
    rare: frozenset[Hashable]

    def counts(self, values: "pd.Series[Any]") -> Counts:
        found = values.value_counts()
        frequent = [int(found.get(category, 0)) for category in self.frequent]
        rare = int(found[found.index.isin(list(self.rare))].sum())
        return np.array([*frequent, rare, len(values) - sum(frequent) - rare])


def bins_of(reference: "pd.Series[Any]") -> Bins:
    """The bins that a reference column gives: by deciles for numbers, by category for anything else."""
    return numeric_bins(reference) if reference.dtype.kind == "f" else category_bins(reference)


def numeric_bins(reference: "pd.Series[Any]") -> NumericBins:
    """Deciles of the reference, and two bins for what lies outside its range.

    A value that fills several deciles is a bin of its own, so counts that are mostly 0 keep their tail apart. Bins of
    equal share do not depend on the scale, so a heavy tail needs no logarithm first.
    """
    values = reference.dropna().to_numpy(dtype=np.float64)
    if not len(values):
        return NumericBins(np.array([]))
    inner = np.quantile(values, DECILES, method="lower")
    repeated = inner[1:][inner[1:] == inner[:-1]]
    lower_edges = np.nextafter([values.min(), *repeated], -np.inf)
    return NumericBins(np.unique([*lower_edges, *inner, values.max()]))


def category_bins(reference: "pd.Series[Any]") -> CategoryBins:
    """Categories of at least `SMALLEST_CATEGORY` of the reference each on its own."""
    shares = reference.value_counts(normalize=True)
    frequent = tuple(shares.index[shares >= SMALLEST_CATEGORY])
    return CategoryBins(frequent, frozenset(shares.index) - frozenset(frequent))


def psi(reference: Counts, current: Counts) -> float:
    """Population stability index of two counts over the same bins: 0 where their shares are equal, no upper limit.

    The sum of (q - p) ln(q / p) over the bins' shares, which is Jeffreys' divergence (Siddiqi, Credit Risk Scorecards,
    Wiley 2006: below 0.1 stable, above 0.25 shifted). Half a row is added to each bin that either sample fills.
    """
    smoothed = _filled(reference, current) + _PSEUDO_COUNT
    p, q = smoothed / smoothed.sum(axis=1, keepdims=True)
    return float(np.sum((q - p) * np.log(q / p)))


def psi_by_chance(reference: Counts, current: Counts, *, units: tuple[int, int], chance: float) -> float:
    """The PSI that two samples of one population exceed with probability `chance`.

    PSI / (1/n + 1/m) is about chi-square with (filled bins - 1) degrees of freedom (Yurdakul and Naranjo, Statistical
    properties of the population stability index, Journal of Risk Model Validation 14(4), 2020). `units` are n and m,
    the independent rows of reference and current, above 0.
    """
    freedom = max(_filled(reference, current).shape[1] - 1, 1)
    return float(chi2.ppf(1.0 - chance, freedom) * (1.0 / units[0] + 1.0 / units[1]))


def _filled(reference: Counts, current: Counts) -> NDArray[np.float64]:
    counts = np.array([reference, current], dtype=np.float64)
    return counts[:, counts.sum(axis=0) > 0]
