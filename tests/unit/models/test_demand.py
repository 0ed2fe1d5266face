from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest

from models.dataset import Example
from models.demand import PeakCores, hourly_use
from smart_routing.labels import LabelRule
from tests.unit.models.examples import ran

RULE = LabelRule(cpu_seconds=300.0)


def peaks(examples: Sequence[Example], to_small: Sequence[bool]) -> PeakCores:
    return hourly_use(examples, np.array(to_small, dtype=np.bool_), rule=RULE).peaks(slice(None))


@pytest.mark.parametrize(
    ("start", "minutes", "cores"),
    [
        (0, 30, 1.0), (0, 60, 1.0), (30, 60, 0.5), (50, 40, 0.75), (45, 120, 0.5),
        (10, 0, 1.0), (60, 0, 1.0), (30, -1, 1.0),
    ],
    ids=[
        "within", "to-the-full-hour", "halves", "quarter-before", "three-hours",
        "no-time", "no-time-on-the-hour", "backwards",
    ],
)  # fmt: skip
def test_cpu_is_spread_evenly_over_the_hours_it_took(start: float, minutes: float, cores: float) -> None:
    found = peaks([ran(start=start, minutes=minutes, cpu=3600.0)], [True])
    assert (found.whole, found.small, found.large) == pytest.approx((cores, cores, 0.0))


def test_every_core_second_is_counted_once() -> None:
    use = hourly_use(
        [ran(start=17, minutes=1000, cpu=5.0), ran(start=3, minutes=0, cpu=7.0)], np.ones(2, bool), rule=RULE
    )
    assert use.cores[:, 0].sum() * 3600 == pytest.approx(12.0)


def test_each_cluster_has_its_own_peak_hour() -> None:
    night = ran(start=0, minutes=30, cpu=7200.0, heavy=True)
    day = [ran(start=60 + minute, minutes=1, cpu=1800.0) for minute in range(3)]
    assert peaks([night, *day], [False, True, True, True]) == PeakCores(whole=2.0, small=1.5, large=2.0)


def test_gaps_between_hours_are_no_demand() -> None:
    apart = [ran(start=60 * hour, minutes=30, cpu=3600.0) for hour in (0, 5, 9)]
    assert peaks(apart, [True, True, False]) == PeakCores(whole=1.0, small=1.0, large=1.0)


def test_heavy_statement_on_small_costs_both() -> None:
    found = peaks([ran(start=0, minutes=30, cpu=3600.0, heavy=True)], [True])
    assert found == PeakCores(whole=1.0, small=300.0 / 3600, large=1.0)


def test_heavy_for_its_memory_wastes_no_more_than_its_cpu() -> None:
    found = peaks([ran(start=0, minutes=30, cpu=36.0, heavy=True)], [True])
    assert found == PeakCores(whole=0.01, small=0.01, large=0.01)


def test_no_statements_need_nothing() -> None:
    assert peaks([], []) == PeakCores(whole=0.0, small=0.0, large=0.0)


def test_sending_more_to_small_never_raises_the_peak_of_large() -> None:
    random = np.random.default_rng(7)
    examples = [
        ran(start=float(start), minutes=float(minutes), cpu=float(cpu), heavy=bool(cpu > 300))
        for start, minutes, cpu in zip(
            random.uniform(0, 600, 80), random.exponential(40, 80), random.exponential(250, 80), strict=True
        )
    ]
    order = random.permutation(80)
    found = [peaks(examples, np.isin(np.arange(80), order[:sent]).tolist()) for sent in range(81)]
    assert all(after.large <= before.large for before, after in pairwise(found))
    assert all(after.small >= before.small for before, after in pairwise(found))
    assert {one.whole for one in found} == {found[0].whole}
    assert found[-1].large < found[0].large


def test_rows_drawn_twice_count_twice() -> None:
    use = hourly_use(
        [ran(start=0, minutes=30, cpu=3600.0), ran(start=0, minutes=30, cpu=1.0)], np.ones(2, bool), rule=RULE
    )
    assert use.peaks(np.array([0, 0])).small == 2.0
