"""Reliability: whether of the statements told to be heavy with some probability that share is heavy."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.evaluate import CONFIDENCE, Share
from smart_routing.statistics import interval

BINS: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class ReliabilityBin:
    """Statements of neighbouring probabilities: `told` on average, `found` heavy (exact binomial interval)."""

    rows: int
    heavy: int
    told: float
    found: Share


@dataclass(frozen=True, slots=True, kw_only=True)
class Reliability:
    """Bins of equal mass from low to high probability, and two figures over all rows; NaN without any.

    `ece` is the expected calibration error, the mean distance of told and found weighted by rows; `brier` the mean
    squared distance of probability and label. 0 is perfect, 1 the worst of both.
    """

    bins: tuple[ReliabilityBin, ...]
    ece: float
    brier: float


def reliability(probability: NDArray[np.float64], heavy: NDArray[np.bool_], *, bins: int = BINS) -> Reliability:
    """Compare told probabilities in [0, 1] with what the statements turned out to be; both of shape (n,)."""
    if len(heavy) == 0:
        return Reliability(bins=(), ece=float("nan"), brier=float("nan"))
    order = np.argsort(probability, kind="stable")
    parts = np.array_split(order, min(bins, len(order)))
    found = tuple(_bin(probability[part], heavy[part]) for part in parts)
    return Reliability(
        bins=found,
        ece=sum(part.rows * abs(part.told - part.found.value) for part in found) / len(heavy),
        brier=float(((probability - heavy) ** 2).mean()),
    )


def _bin(probability: NDArray[np.float64], heavy: NDArray[np.bool_]) -> ReliabilityBin:
    rows, heavies = len(heavy), int(heavy.sum())
    low, high = interval(heavies, rows, CONFIDENCE)
    found = Share(value=heavies / rows, low=low, high=high)
    return ReliabilityBin(rows=rows, heavy=heavies, told=float(probability.mean()), found=found)
