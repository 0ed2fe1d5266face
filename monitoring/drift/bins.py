"""Bins frozen by the reference, and how far and how surely the counts of two samples over them are apart."""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import kolmogorov
from scipy.stats import chi2, hypergeom

DECILES: Final = np.arange(0.1, 1.0, 0.1)
SMALLEST_CATEGORY: Final = 0.01
"""Categories with a smaller share of the reference count as one."""
ROWS_FOR_BINS: Final = 50_000
"""Deciles of so many rows are within 0.3% of those of all; more only take time."""

_PSEUDO_COUNT: Final = 0.5
_CACHED: Final = 2**15
"""Values that stay in a processor's cache."""

Counts = NDArray[np.float64]
Places = NDArray[np.uint8]


class Bins(Protocol):
    """A partition of a column's values, fixed by the reference."""

    @property
    def size(self) -> int: ...

    def places(self, values: "pd.Series[Any]") -> Places:
        """The bin of each value, 0 to `size` - 1."""
        ...

    def chance(self, reference: Counts, current: Counts, *, sizes: tuple[float, float]) -> float:
        """How often two samples of one population are at least so far apart; `sizes` are their independent rows."""
        ...


@dataclass(frozen=True, slots=True)
class NumericBins:
    """Intervals between ascending `cuts`, each closed above; one more bin holds NaN."""

    cuts: NDArray[np.floating[Any]]

    @property
    def size(self) -> int:
        return len(self.cuts) + 2

    def places(self, values: "pd.Series[Any]") -> Places:
        numbers = np.ascontiguousarray(values.to_numpy())
        places = np.zeros(len(numbers), dtype=np.uint8)
        for start in range(0, len(numbers), _CACHED):
            part, found = numbers[start : start + _CACHED], places[start : start + _CACHED]
            for cut in self.cuts:  # of a dozen cuts sooner than a binary search for each value
                found += (part > cut).view(np.uint8)
            found[np.isnan(part)] = len(self.cuts) + 1
        return places

    def chance(self, reference: Counts, current: Counts, *, sizes: tuple[float, float]) -> float:
        """By Kolmogorov and Smirnov, over the bins' edges: never too sure, also of few rows.

        Corrected for few rows (Stephens, Journal of the Royal Statistical Society B 32(1), 1970); n m / (n + m) >= 4.
        """
        gap = float(np.abs(np.cumsum(_shares(reference)) - np.cumsum(_shares(current))).max())
        root = np.sqrt(together(sizes))
        return float(kolmogorov((root + 0.12 + 0.11 / root) * gap))


@dataclass(frozen=True, slots=True)
class CategoryBins:
    """A bin for each frequent category, one for the rare ones together, one for those the reference has not."""

    frequent: tuple[Hashable, ...]
    rare: frozenset[Hashable]

    @property
    def size(self) -> int:
        return len(self.frequent) + 2

    def places(self, values: "pd.Series[Any]") -> Places:
        codes, found = pd.factorize(values)
        of = {category: place for place, category in enumerate(self.frequent)} | dict.fromkeys(self.rare, self.size - 2)
        return np.array([of.get(category, self.size - 1) for category in found], dtype=np.uint8)[codes]

    def chance(self, reference: Counts, current: Counts, *, sizes: tuple[float, float]) -> float:
        """By Pearson's chi-square of two samples."""
        n, m = sizes
        p, q = _shares(reference), _shares(current)
        pooled = (n * p + m * q) / (n + m)
        filled = pooled > 0
        statistic = together(sizes) * float(np.sum((p - q)[filled] ** 2 / pooled[filled]))
        return float(chi2.sf(statistic, max(int(filled.sum()) - 1, 1)))


@dataclass(frozen=True, slots=True)
class YesNo:
    """The two bins of a column that is true or false."""

    size: int = 2

    def places(self, values: "pd.Series[Any]") -> Places:
        return values.to_numpy(dtype=np.uint8)

    def chance(self, reference: Counts, current: Counts, *, sizes: tuple[float, float]) -> float:
        """Fisher's exact test, either way."""
        rise = rise_by_chance(reference, current, sizes=sizes)
        fall = rise_by_chance(reference[::-1], current[::-1], sizes=sizes)
        return min(1.0, 2.0 * min(rise, fall))


def bins_of(reference: "pd.Series[Any]") -> Bins:
    """The bins that a reference column gives: deciles for numbers, a bin for each category for anything else."""
    if reference.dtype.kind == "b":
        return YesNo()
    sample = reference.iloc[:: max(len(reference) // ROWS_FOR_BINS, 1)]
    return numeric_bins(sample) if reference.dtype.kind == "f" else category_bins(reference)


def numeric_bins(reference: "pd.Series[Any]") -> NumericBins:
    """Deciles of the reference, and two bins for what lies outside its range.

    A value that fills several deciles is a bin of its own, so counts that are mostly 0 keep their tail apart. Bins of
    equal share do not depend on the scale, so a heavy tail needs no logarithm first.
    """
    values = reference.dropna().to_numpy()
    if not len(values):
        return NumericBins(values)
    inner = np.quantile(values, DECILES, method="lower")
    lowest, highest = values[[values.argmin(), values.argmax()]]
    repeated = inner[1:][inner[1:] == inner[:-1]]
    below = np.nextafter(np.append(lowest, repeated), np.array(-np.inf, dtype=values.dtype))
    return NumericBins(np.unique(np.concatenate([below, inner, [highest]]).astype(values.dtype)))


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


def psi_by_chance(reference: Counts, current: Counts, *, sizes: tuple[float, float]) -> float:
    """The mean PSI of two samples of one population: (filled bins - 1) (1/n + 1/m) of their independent rows.

    PSI / (1/n + 1/m) is about chi-square (Yurdakul and Naranjo, Statistical properties of the population stability
    index, Journal of Risk Model Validation 14(4), 2020).
    """
    freedom: int = max(_filled(reference, current).shape[1] - 1, 1)
    return freedom / together(sizes)


def rise_by_chance(reference: Counts, current: Counts, *, sizes: tuple[float, float]) -> float:
    """How often the second of two bins is at least so full by chance: Fisher's exact test, one-sided.

    `sizes` are the independent rows of reference and current; counts are scaled to them and rounded.
    """
    n, m = (round(size) for size in sizes)
    before, now = round(float(_shares(reference)[1]) * n), round(float(_shares(current)[1]) * m)
    return float(hypergeom.sf(now - 1, n + m, before + now, m))


def together(sizes: tuple[float, float]) -> float:
    """n m / (n + m): the size of the sample that a comparison of two is worth."""
    n, m = sizes
    return n * m / (n + m) if n + m else 0.0


def _shares(counts: Counts) -> Counts:
    return counts / (counts.sum() or 1.0)


def _filled(reference: Counts, current: Counts) -> Counts:
    counts = np.array([reference, current], dtype=np.float64)
    return counts[:, counts.sum(axis=0) > 0]
