"""Distances: known shifts are seen at their size, and chance is told apart."""

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from monitoring.distance import bins_of, psi, psi_by_chance


def column(values: object) -> "pd.Series[float]":
    return pd.Series(np.asarray(values, dtype=np.float32))


def distance(reference: "pd.Series[float]", current: "pd.Series[float]") -> float:
    bins = bins_of(reference)
    return psi(bins.counts(reference), bins.counts(current))


def normal(count: int, *, mean: float = 0.0, seed: int = 0) -> NDArray[np.float64]:
    return np.random.default_rng(seed).normal(mean, 1.0, count)


def test_psi_is_zero_for_identical_shares() -> None:
    assert psi(np.array([10, 20, 70]), np.array([10, 20, 70])) == 0.0
    assert psi(np.array([1000, 2000]), np.array([10, 20])) == pytest.approx(0.0, abs=0.001)


def test_psi_is_the_sum_over_shares_that_its_docstring_says() -> None:
    reference, current = np.array([6000, 4000]), np.array([4000, 6000])
    assert psi(reference, current) == pytest.approx(0.4 * np.log(1.5), abs=1e-3)


def test_psi_ignores_bins_that_neither_side_fills() -> None:
    assert psi(np.array([5, 0, 5, 0]), np.array([7, 0, 3, 0])) == psi(np.array([5, 5]), np.array([7, 3]))


@pytest.mark.parametrize(
    ("shift", "low", "high"), [(0.0, 0.0, 0.002), (0.25, 0.04, 0.08), (0.5, 0.2, 0.28), (1.0, 0.85, 1.1)]
)
def test_psi_of_a_shifted_normal_is_near_its_divergence(shift: float, low: float, high: float) -> None:
    assert low <= distance(column(normal(50_000)), column(normal(50_000, mean=shift, seed=1))) <= high


@pytest.mark.parametrize("sigma", [1.0, 3.0, 6.0], ids=["light tail", "heavy tail", "absurd tail"])
def test_a_heavy_tail_hides_no_shift(sigma: float) -> None:
    before, now = normal(20_000), normal(20_000, mean=0.5, seed=1)
    stretched = distance(column(np.exp(sigma * before)), column(np.exp(sigma * now)))
    assert stretched == pytest.approx(distance(column(before), column(now)), rel=0.02)


@pytest.mark.parametrize(
    ("before", "now"),
    [
        pytest.param([0] * 100, [0] * 50 + [3] * 50, id="a constant that rises"),
        pytest.param([5] * 100, [5] * 50 + [3] * 50, id="a constant that falls"),
        pytest.param([0] * 95 + [1] * 5, [0] * 60 + [1] * 40, id="a rare count that spreads"),
        pytest.param([0] * 5 + [1] * 95, [0] * 40 + [1] * 60, id="a common count that goes"),
        pytest.param([1.0] * 100, [1.0] * 50 + [np.nan] * 50, id="values that vanish"),
        pytest.param([np.nan] * 100, [1.0] * 100, id="values where there were none"),
    ],
)
def test_shifts_of_counts_and_gaps_are_seen(before: list[float], now: list[float]) -> None:
    assert distance(column(before), column(now)) > 0.5


def test_every_value_falls_into_one_bin() -> None:
    values = column([0, 0, 0, 1, 2, 5, 1e9, np.nan])
    counts = bins_of(column(normal(100))).counts(values)
    assert counts.sum() == len(values)
    assert counts[-1] == 1


def test_categories_that_the_reference_has_not_count_as_one() -> None:
    reference = pd.Series(["a"] * 60 + ["b"] * 40)
    counts = bins_of(reference).counts(pd.Series(["b", "c", "d", "a", "c"]))
    assert counts.tolist() == [1, 1, 0, 3]


def test_rare_categories_count_as_one() -> None:
    reference = pd.Series(["a"] * 1000 + ["b", "c", "d"])
    assert bins_of(reference).counts(reference).tolist() == [1000, 3, 0]


def test_chance_exceeds_its_limit_as_often_as_it_says() -> None:
    random, exceeded = np.random.default_rng(7), 0
    shares = np.full(10, 0.1)
    for _ in range(2000):
        before, now = random.multinomial(2000, shares), random.multinomial(500, shares)
        exceeded += psi(before, now) > psi_by_chance(before, now, units=(2000, 500), chance=0.05)
    assert 0.035 <= exceeded / 2000 <= 0.065
