import functools
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from scipy.stats import false_discovery_control

from flows.outcomes import outcomes_of
from infra.local.loop import EVENTS
from infra.local.scale import SCALED_RULE
from models.dataset import label
from monitoring.signals import Signal, Tier
from monitoring.truth.cost import Cost, CostShift, cost_shifts
from monitoring.truth.outcomes import Outcome
from monitoring.truth.signals import Watched, truth_signals
from monitoring.window import Window
from smart_routing.labels import LabelRule
from smart_routing.querylog.source import read_query_log
from tests.unit.monitoring.truth.samples import HOUR, NOON, outcome

RULE = LabelRule(cpu_seconds=1.0, memory_bytes=1_000_000)
WINDOW = Window(NOON, NOON + 6 * HOUR)
LEARNT_UNTIL = {9: 9, 10: 9, 11: 9, 12: 12, 13: 12, 14: 14}
"""Up to which midnight of October the version in production has learnt, by the day that it serves."""


def runs(costs: Sequence[float], *, since: datetime, template: str = "t1", tenant: str = "lake.ads") -> list[Outcome]:
    """A run every ten minutes."""
    return [
        outcome(
            f"{template}-{since:%d%H}-{place}",
            template=template,
            tenant=tenant,
            submitted_at=since + timedelta(minutes=10 * place),
            cpu_seconds=cost,
        )
        for place, cost in enumerate(costs)
    ]


def cpu_shift(before: Sequence[float], now: Sequence[float], *, templates: int = 1) -> CostShift:
    names = [f"t{number}" for number in range(templates)]
    past = [run for name in names for run in runs(before, since=NOON - 24 * HOUR, template=name)]
    current = [run for name in names for run in runs(now, since=NOON, template=name)]
    shifts = cost_shifts(past + current, WINDOW, known_until=NOON, rule=RULE)
    return next(shift for shift in shifts if shift.cost is Cost.CPU)


def test_runs_dearer_than_all_before_them_are_told_with_their_factor() -> None:
    shift = cpu_shift([0.04, 0.05, 0.06, 0.05, 0.05], [0.2, 0.21], templates=3)
    assert (shift.templates, shift.runs) == (3, 6)
    assert shift.factor == pytest.approx(4.1)
    assert shift.p_value == pytest.approx(1 / 21**3)  # of 7 runs the 2 of now are the dearest, 3 times


@pytest.mark.parametrize(
    ("before", "now"),
    [
        pytest.param([0.05] * 5, [0.06] * 5, id="within noise"),
        pytest.param([0.05, 0.05, 0.05, 0.2], [0.2] * 5, id="as dear as one before"),
        pytest.param([0.0004] * 9, [0.0019] * 9, id="nothing worth"),
        pytest.param([0.2] * 9, [0.05] * 9, id="cheaper"),
    ],
)
def test_nothing_is_told_of(before: Sequence[float], now: Sequence[float]) -> None:
    assert cpu_shift(before, now, templates=3).p_value == pytest.approx(1.0)


def test_runs_cheaper_than_all_before_them_are_told_too() -> None:
    past = [run for name in "ab" for run in runs([0.4, 0.5, 0.6, 0.5, 0.5], since=NOON - 24 * HOUR, template=name)]
    now = [run for name in "ab" for run in runs([0.05, 0.06], since=NOON, template=name)]
    rose, fell = cost_shifts([*past, *now], WINDOW, known_until=NOON, rule=RULE)[:2]
    assert (rose.fell, fell.fell) == (False, True)
    assert [rose.p_value, fell.p_value] == pytest.approx([1.0, 1 / 21**2])
    assert [rose.factor, fell.factor] == pytest.approx([0.11, 0.11], abs=0.001)
    signals = truth_signals([], [*past, *now], window=WINDOW, watched=Watched(bound=0.05, rule=RULE, known_until=NOON))
    (large,) = (signal for signal in signals if signal.tier is Tier.COST and signal.is_large)
    assert large.name == "cpu_of_same_templates_fell"
    assert large.sentence.startswith("the same 2 templates take 0.11 times the CPU that they took; ")


def test_template_that_was_hardly_run_before_tells_nothing() -> None:
    past = runs([0.05] * 2, since=NOON - 24 * HOUR)
    assert cost_shifts(past + runs([0.2] * 9, since=NOON), WINDOW, known_until=NOON, rule=RULE) == ()


def test_chance_of_one_template_is_that_of_its_ranks() -> None:
    assert cpu_shift([0.05] * 9, [0.2]).p_value == pytest.approx(0.1)
    assert cpu_shift([0.05] * 9, [0.2, 0.05]).p_value == pytest.approx(2 / 11)


def test_noise_alone_speaks_no_more_often_than_it_says() -> None:
    random = np.random.default_rng(1)
    found = []
    for _ in range(400):
        templates = [f"t{number}" for number in range(3)]
        drawn = [
            run
            for day, count in ((NOON - 24 * HOUR, 12), (NOON, 3))
            for name in templates
            for run in runs(random.lognormal(-3, 0.35, count).tolist(), since=day, template=name)
        ]
        found.append(cost_shifts(drawn, WINDOW, known_until=NOON, rule=RULE)[0].p_value)
    assert sum(value <= 0.05 for value in found) <= 0.05 * len(found)


def test_a_version_made_from_dear_runs_takes_them_for_usual() -> None:
    past = [*runs([0.05] * 9, since=NOON - 48 * HOUR), *runs([0.2] * 2, since=NOON - 24 * HOUR)]
    now = runs([0.2] * 5, since=NOON)
    old, new = (cost_shifts(past + now, WINDOW, known_until=until, rule=RULE)[0] for until in (NOON - 30 * HOUR, NOON))
    assert old.p_value < 0.001
    assert new.p_value == 1.0


def test_only_runs_of_the_same_schema_are_compared() -> None:
    others = runs([0.01] * 9, since=NOON - 24 * HOUR, tenant="lake.growth")
    assert cost_shifts(others + runs([0.5] * 5, since=NOON), WINDOW, known_until=NOON, rule=RULE) == ()


def test_new_texts_of_the_tenant_are_told_apart() -> None:
    usual = [*runs([0.05] * 5, since=NOON - 48 * HOUR), *runs([0.05] * 5, since=NOON - 24 * HOUR)]
    fresh = [run for number in range(40) for run in runs([0.05], since=NOON, template=f"n{number}")]
    quiet, loud = (
        cost_shifts(usual + now, WINDOW, known_until=NOON, rule=RULE)[0].texts
        for now in (runs([0.05], since=NOON), runs([0.05], since=NOON) + fresh)
    )
    assert (quiet.share, quiet.p_value) == (0.0, 1.0)
    assert loud.share == pytest.approx(40 / 41)
    assert loud.p_value < 0.05


@functools.cache
def bundled() -> tuple[Outcome, ...]:
    return outcomes_of(label(read_query_log(str(EVENTS), rejects=None), SCALED_RULE).examples)


def spoken(day: int, hour: int) -> list[Signal]:
    """What six hours of the bundled log show to be dearer, false discoveries among all questions controlled at 5%."""
    start = datetime(2026, 10, day, hour, tzinfo=UTC)
    learnt_until = datetime(2026, 10, LEARNT_UNTIL[day], tzinfo=UTC)
    found = truth_signals(
        (),
        bundled(),
        window=Window(start, start + 6 * HOUR),
        watched=Watched(bound=0.05, rule=SCALED_RULE, known_until=learnt_until),
    )
    signals = [signal for signal in found if signal.tier is Tier.COST]
    corrected = false_discovery_control([signal.p_value for signal in signals])
    return [signal for signal, p_value in zip(signals, corrected, strict=True) if signal.is_large and p_value < 0.05]


@pytest.mark.parametrize("day", [9, 10, 11, 12, 14])
def test_usual_days_of_the_bundled_log_are_silent(day: int) -> None:
    assert [spoken(day, hour) for hour in (0, 6, 12, 18)] == [[]] * 4


@pytest.mark.parametrize("hour", [6, 12])
def test_the_day_on_which_the_tables_of_ads_grew_is_told(hour: int) -> None:
    signals = spoken(13, hour)
    assert {(signal.tenant, signal.name) for signal in signals} == {
        ("lake.ads", "cpu_of_same_templates"),
        ("lake.ads", "memory_of_same_templates"),
    }
    assert all("the texts did not change" in signal.sentence for signal in signals)
