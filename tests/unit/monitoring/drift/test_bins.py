"""Bins: known shifts are seen at their size, and chance is told apart."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from monitoring.drift.bins import Counts, bins_of, psi, psi_by_chance, rise_by_chance


def column(values: object) -> "pd.Series[float]":
    return pd.Series(np.asarray(values, dtype=np.float32))


def counted(reference: "pd.Series[Any]", values: "pd.Series[Any]") -> Counts:
    bins = bins_of(reference)
    return np.bincount(bins.places(values), minlength=bins.size).astype(np.float64)


def distance(reference: "pd.Series[float]", current: "pd.Series[float]") -> float:
    return psi(counted(reference, reference), counted(reference, current))


def chance(reference: "pd.Series[Any]", current: "pd.Series[Any]") -> float:
    sides = counted(reference, reference), counted(reference, current)
    return bins_of(reference).chance(*sides, sizes=(len(reference), len(current)))


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
    counts = counted(column(normal(100)), values)
    assert counts.sum() == len(values)
    assert counts[-1] == 1


def test_categories_that_the_reference_has_not_count_as_one() -> None:
    reference = pd.Series(["a"] * 60 + ["b"] * 40)
    counts = counted(reference, pd.Series(["b", "c", "d", "a", "c"]))
    assert counts.tolist() == [1, 1, 0, 3]


def test_rare_categories_count_as_one() -> None:
    reference = pd.Series(["a"] * 1000 + ["b", "c", "d"])
    assert counted(reference, reference).tolist() == [1000, 3, 0]


def test_distance_by_chance_is_the_mean_of_samples_of_one_population() -> None:
    random, shares = np.random.default_rng(7), np.full(10, 0.1)
    drawn = [tuple(random.multinomial(rows, shares).astype(np.float64) for rows in (2000, 500)) for _ in range(2000)]
    found = np.mean([psi(*counts) for counts in drawn])
    assert psi_by_chance(*drawn[0], sizes=(2000, 500)) == pytest.approx(found, rel=0.1)


@pytest.mark.parametrize("rows", [(1000, 5), (60, 40), (5000, 500)], ids=str)
@pytest.mark.parametrize("kind", ["number", "count", "category", "yes or no"])
def test_chance_is_called_drift_no_oftener_than_it_says(rows: tuple[int, int], kind: str) -> None:
    found = [
        chance(*(drawn(kind, count, seed=seed) for count, seed in zip(rows, (trial, 10_000 + trial), strict=True)))
        for trial in range(400)
    ]
    assert np.mean(np.array(found) <= 0.05) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 400)


def drawn(kind: str, count: int, *, seed: int) -> "pd.Series[Any]":
    random = np.random.default_rng(seed)
    match kind:
        case "number":
            return column(random.lognormal(0, 3, count))
        case "count":
            return column(random.poisson(0.5, count))
        case "category":
            return pd.Series(random.choice(["a", "b", "c"], count, p=[0.6, 0.3, 0.1]), dtype=object)
        case _:
            return pd.Series(random.random(count) < 0.2)


@pytest.mark.parametrize(
    ("before", "now"),
    [
        pytest.param(normal(1000), normal(200, mean=0.5, seed=1), id="a number that rises"),
        pytest.param(normal(1000), np.full(5, 9.0), id="five beyond everything"),
        pytest.param(normal(1000), np.full(5, np.nan), id="five without a value"),
    ],
)
def test_a_shift_is_no_chance(before: NDArray[np.float64], now: NDArray[np.float64]) -> None:
    assert chance(column(before), column(now)) < 1e-3


def test_a_rise_from_nothing_is_fishers_exact_test() -> None:
    none, some = np.array([100.0, 0.0]), np.array([7.0, 3.0])
    assert rise_by_chance(none, some, sizes=(100, 10)) == pytest.approx(10 * 9 * 8 / (110 * 109 * 108))
    assert rise_by_chance(some, none, sizes=(10, 100)) == pytest.approx(1.0)
