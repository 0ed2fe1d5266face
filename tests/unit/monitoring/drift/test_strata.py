"""Strata: the reference is given the window's mix, as far as it has it."""

from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from monitoring.drift.strata import MOST_WEIGHT, Strata, effective

STRATA = Strata(("ads", "fraud", "rare"), few=frozenset({"rare"}))


def rows(*told: tuple[str, int, int, int]) -> NDArray[np.float64]:
    """Rows by stratum of (tenant, day of October 2026, hour, how many)."""
    tenants, days, hours, counts = zip(*told, strict=True)
    moments = [datetime(2026, 10, day, hour, tzinfo=UTC) for day, hour in zip(days, hours, strict=True)]
    strata = STRATA.of(pd.Series(tenants, dtype="category"), pd.Series(moments, dtype="datetime64[us, UTC]"))
    return np.bincount(strata, weights=counts, minlength=STRATA.size).astype(np.float64)


def by(margin: NDArray[np.int64], counts: NDArray[np.float64]) -> list[float]:
    return [round(float(share), 6) for share in np.bincount(margin, weights=counts) / counts.sum()]


def test_strata_are_tenant_hours_and_kind_of_day() -> None:
    assert np.flatnonzero(rows(("fraud", 10, 23, 1))).tolist() == [1 * 12 + 1 * 6 + 5]
    assert np.flatnonzero(rows(("ads", 9, 3, 1))).tolist() == [0]


def test_a_balanced_reference_has_the_windows_mix() -> None:
    reference = rows(("ads", 8, 1, 300), ("ads", 8, 14, 200), ("fraud", 8, 1, 100), ("fraud", 8, 14, 100))
    window = rows(("ads", 9, 1, 10), ("ads", 9, 14, 40), ("fraud", 9, 1, 10), ("fraud", 9, 14, 40))
    balanced = reference * STRATA.balance(reference, window)
    assert by(STRATA.tenant, balanced) == by(STRATA.tenant, window)
    assert by(STRATA.block, balanced) == by(STRATA.block, window)


def test_a_weekend_that_the_reference_has_not_leaves_its_days_as_they_are() -> None:
    reference = rows(("ads", 8, 1, 10), ("fraud", 8, 14, 10))
    saturday = rows(("ads", 10, 1, 3), ("fraud", 10, 14, 3))
    assert STRATA.balance(reference, saturday)[reference > 0] == pytest.approx([1.0, 1.0])


def test_a_weekend_is_compared_with_weekends_where_there_are_any() -> None:
    reference = rows(("ads", 8, 1, 90), ("ads", 10, 1, 10))
    balanced = reference * STRATA.balance(reference, rows(("ads", 17, 1, 5)))
    assert by(STRATA.weekend, balanced) == [0.0, 1.0]


def test_few_rows_do_not_speak_for_many() -> None:
    reference = rows(("ads", 8, 1, 1000), ("fraud", 8, 1, 1))
    weights = STRATA.balance(reference, rows(("ads", 9, 1, 50), ("fraud", 9, 1, 50)))
    assert weights.max() == pytest.approx(MOST_WEIGHT)


def test_effective_rows_are_kishs() -> None:
    counts = np.array([10.0, 10.0])
    assert effective(counts, np.array([1.0, 1.0])) == pytest.approx(20.0)
    assert effective(counts, np.array([1.0, 3.0])) == pytest.approx(40.0**2 / 100.0)
    assert effective(counts, np.array([0.0, 0.0])) == 0.0
