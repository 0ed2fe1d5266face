import math

import numpy as np
import pytest

from smart_routing.statistics import (
    bootstrap,
    bootstrap_interval,
    bootstrap_sums,
    interval,
    lower_limit,
    misses_allowed,
    percentile_interval,
    share_interval,
    sum_interval,
    upper_limit,
)


@pytest.mark.parametrize(
    ("positives", "confidence", "expected"),
    [
        (298, 0.95, None), (299, 0.95, 0), (500, 0.95, 1), (1000, 0.95, 4), (2000, 0.95, 12), (5000, 0.95, 38),
        (458, 0.99, None), (459, 0.99, 0), (5000, 0.99, 33),
    ],
)  # fmt: skip
def test_misses_allowed_for_a_bound_of_one_percent(positives: int, confidence: float, expected: int | None) -> None:
    assert misses_allowed(positives, 0.01, confidence) == expected


def test_no_positives_support_nothing() -> None:
    assert misses_allowed(0, 0.1, 0.95) is None


def test_limits_solve_the_binomial_tails() -> None:
    low, high = lower_limit(3, 50), upper_limit(3, 50)
    tail = sum(math.comb(50, k) * low**k * (1 - low) ** (50 - k) for k in range(3, 51))
    head = sum(math.comb(50, k) * high**k * (1 - high) ** (50 - k) for k in range(4))
    assert tail == pytest.approx(0.05)
    assert head == pytest.approx(0.05)


def test_limits_at_the_ends() -> None:
    assert lower_limit(0, 10) == 0.0
    assert upper_limit(10, 10) == 1.0
    assert interval(0, 59, 0.90)[1] == pytest.approx(1 - 0.05 ** (1 / 59))


def test_bootstrap_over_groups_is_wider_than_over_rows() -> None:
    hits = np.array([group % 2 == 0 for group in range(20) for _ in range(10)])
    by_group = bootstrap_interval([str(row // 10) for row in range(200)], lambda drawn: float(hits[drawn].mean()))
    by_row = bootstrap_interval([str(row) for row in range(200)], lambda drawn: float(hits[drawn].mean()))
    assert by_group[1] - by_group[0] > 2 * (by_row[1] - by_row[0])
    assert by_group[0] < 0.5 < by_group[1]


def test_bootstrap_repeats_with_its_seed() -> None:
    groups, values = [str(row) for row in range(50)], np.arange(50.0)
    first, second = (bootstrap_interval(groups, lambda drawn: float(values[drawn].mean()), seed=3) for _ in range(2))
    assert first == second


def test_bootstrap_draws_whole_groups() -> None:
    drawn = bootstrap(["a", "b", "b"], lambda rows: tuple(np.sort(rows).tolist()), draws=50)
    assert set(drawn) == {(0, 0), (0, 1, 2), (1, 1, 2, 2)}


@pytest.mark.parametrize(
    ("values", "expected"),
    [([math.nan, 2.0, math.nan], (2.0, 2.0)), ([math.nan], (math.nan, math.nan)), ([], (math.nan, math.nan))],
    ids=["some", "all", "none-drawn"],
)
def test_undefined_values_are_left_out_of_an_interval(values: list[float], expected: tuple[float, float]) -> None:
    assert percentile_interval(values) == pytest.approx(expected, nan_ok=True)


def test_sums_over_drawn_groups_are_those_of_the_drawn_rows() -> None:
    random = np.random.default_rng(5)
    groups = [f"t{number}" for number in random.integers(40, size=500)]
    columns = np.stack([random.integers(2, size=500), random.integers(1000, size=500)], axis=1).astype(np.float64)
    by_rows = bootstrap(groups, lambda rows: columns[rows].sum(axis=0).tolist(), draws=100, seed=9)
    np.testing.assert_array_equal(bootstrap_sums(groups, columns, draws=100, seed=9), by_rows)


def test_intervals_of_sums_and_shares_are_those_of_the_bootstrap() -> None:
    random = np.random.default_rng(6)
    groups = [f"t{number}" for number in random.integers(40, size=500)]
    costs, hits = random.lognormal(size=500), random.random(500) < 0.2
    assert sum_interval(groups, costs) == pytest.approx(bootstrap_interval(groups, lambda rows: costs[rows].sum()))
    assert share_interval(groups, hits) == bootstrap_interval(groups, lambda rows: float(hits[rows].mean()))


def test_interval_of_a_sum_is_that_of_the_bootstrap() -> None:
    groups, values = [str(row % 30) for row in range(90)], np.arange(90.0)
    expected = bootstrap_interval(groups, lambda drawn: float(values[drawn].sum()), seed=5)
    assert sum_interval(groups, values, seed=5) == pytest.approx(expected)


def test_interval_of_a_sum_is_drawn_for_its_confidence() -> None:
    groups, values = [str(row) for row in range(90)], np.arange(90.0)
    expected = bootstrap_interval(groups, lambda drawn: float(values[drawn].sum()), draws=5000, seed=5, confidence=0.99)
    assert sum_interval(groups, values, seed=5, confidence=0.99) == pytest.approx(expected)
