"""Reliability: what was told against what was found, in bins of equal mass."""

import math

import numpy as np
import pytest

from models.reports.reliability import reliability
from smart_routing.statistics import interval


def test_probabilities_that_hold_have_a_small_error_and_those_that_flatter_a_large_one() -> None:
    random = np.random.default_rng(0)
    truth = random.uniform(size=50_000)
    heavy = random.uniform(size=len(truth)) < truth
    assert reliability(truth, heavy).ece < 0.01
    assert reliability(truth**3, heavy).ece == pytest.approx((truth - truth**3).mean(), abs=0.01)


def test_bins_have_equal_mass_in_order_and_exact_intervals() -> None:
    told = np.linspace(0.95, 0.05, 25)
    heavy = told > 0.5
    found = reliability(told, heavy, bins=10).bins
    assert sorted(part.rows for part in found) == [2] * 5 + [3] * 5
    assert sum(part.heavy for part in found) == heavy.sum()
    assert [part.told for part in found] == sorted(part.told for part in found)
    assert (found[0].found.low, found[0].found.high) == interval(0, 3)


def test_figures_of_two_statements_by_hand() -> None:
    found = reliability(np.array([0.2, 0.9]), np.array([False, True]))
    assert found.ece == pytest.approx((0.2 + 0.1) / 2)
    assert found.brier == pytest.approx((0.04 + 0.01) / 2)
    assert len(found.bins) == 2


def test_nothing_decided_has_no_figures() -> None:
    found = reliability(np.array([]), np.array([], dtype=np.bool_))
    assert found.bins == ()
    assert math.isnan(found.ece)
    assert math.isnan(found.brier)
