"""Exact binomial limits, the Neyman-Pearson order statistic, and the bootstrap over templates."""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta, binom

Drawn = TypeVar("Drawn")

_DRAWS_BEYOND: Final = 25


def misses_allowed(positives: int, bound: float, confidence: float) -> int | None:
    """The largest m with P(Binomial(positives, bound) <= m) <= 1 - confidence; None where even 0 is too many.

    The Neyman-Pearson umbrella rule (Tong, Feng, Li, Science Advances 4(2), 2018, eaao1659): a threshold at the
    (m+1)-th smallest positive score keeps the false negative rate at or below `bound` with this confidence.
    """
    if binom.cdf(0, positives, bound) > 1 - confidence:
        return None
    counts = np.arange(positives)
    return int(np.flatnonzero(binom.cdf(counts, positives, bound) <= 1 - confidence)[-1])


def lower_limit(events: int, trials: int, confidence: float = 0.95) -> float:
    """One-sided Clopper-Pearson lower limit of a share; 0 without trials."""
    return float(beta.ppf(1 - confidence, events, trials - events + 1)) if events else 0.0


def upper_limit(events: int, trials: int, confidence: float = 0.95) -> float:
    """One-sided Clopper-Pearson upper limit of a share; 1 without trials."""
    return float(beta.ppf(confidence, events + 1, trials - events)) if events < trials else 1.0


def interval(events: int, trials: int, confidence: float = 0.95) -> tuple[float, float]:
    """Two-sided Clopper-Pearson interval of a share."""
    side = 1 - (1 - confidence) / 2
    return lower_limit(events, trials, side), upper_limit(events, trials, side)


def bootstrap_interval(
    groups: Sequence[str],
    statistic: Callable[[NDArray[np.intp]], float],
    *,
    draws: int = 1000,
    seed: int = 0,
    confidence: float = 0.95,
) -> tuple[float, float]:
    """Percentile interval of a statistic of row numbers over whole groups drawn with replacement."""
    return percentile_interval(bootstrap(groups, statistic, draws=draws, seed=seed), confidence)


def bootstrap(
    groups: Sequence[str], statistic: Callable[[NDArray[np.intp]], Drawn], *, draws: int = 1000, seed: int = 0
) -> list[Drawn]:
    """A statistic of row numbers, as often as asked, whole groups drawn with replacement.

    Rows of one template are not independent; templates are the unit that repeats.
    """
    _, group_of_row = np.unique(np.asarray(groups), return_inverse=True)
    order = np.argsort(group_of_row, kind="stable")
    rows_of_group = np.split(order, np.cumsum(np.bincount(group_of_row))[:-1])
    return [
        statistic(np.concatenate([rows_of_group[group] for group in drawn]))
        for drawn in _drawn_groups(len(rows_of_group), draws, seed)
    ]


def bootstrap_sums(
    groups: Sequence[str] | NDArray[np.str_], columns: NDArray[np.float64], *, draws: int = 1000, seed: int = 0
) -> NDArray[np.float64]:
    """Sums over the rows that `bootstrap` would draw, shape (draws, k) for columns of shape (n, k).

    Each group is summed once: however many rows there are, a draw costs only as much as there are groups.
    """
    _, group_of_row = np.unique(np.asarray(groups), return_inverse=True)
    sums = np.stack([np.bincount(group_of_row, weights=column) for column in columns.T], axis=1)
    times = (np.bincount(drawn, minlength=len(sums)) for drawn in _drawn_groups(len(sums), draws, seed))
    return np.stack([drawn @ sums for drawn in times])


def sum_interval(
    groups: Sequence[str] | NDArray[np.str_], values: NDArray[np.float64], *, seed: int = 0, confidence: float = 0.95
) -> tuple[float, float]:
    """Percentile interval of the sum of a value, shape (n,), over whole groups drawn with replacement.

    The more confidence, the more draws: 25 lie beyond each limit, 1,000 are drawn for 95%.
    """
    draws = math.ceil(round(2 * _DRAWS_BEYOND / (1 - confidence), 6))
    sums = bootstrap_sums(groups, values[:, np.newaxis], draws=draws, seed=seed)
    return percentile_interval(sums[:, 0].tolist(), confidence)


def share_interval(groups: Sequence[str] | NDArray[np.str_], hits: NDArray[np.bool_]) -> tuple[float, float]:
    """Percentile interval of the share of rows that hit, shape (n,), over whole groups drawn with replacement."""
    drawn = bootstrap_sums(groups, np.stack([hits, np.ones(len(hits))], axis=1))
    return percentile_interval((drawn[:, 0] / drawn[:, 1]).tolist())


def _drawn_groups(groups: int, draws: int, seed: int) -> Iterator[NDArray[np.int64]]:
    random = np.random.default_rng(seed)
    return (random.integers(groups, size=groups) for _ in range(draws))


def percentile_interval(values: Sequence[float], confidence: float = 0.95) -> tuple[float, float]:
    """The middle of drawn values; undefined ones (NaN) are left out, NaN limits where all are."""
    if np.isnan(values).all():
        return float("nan"), float("nan")
    tail = (1 - confidence) / 2
    low, high = np.nanquantile(values, [tail, 1 - tail])
    return float(low), float(high)
