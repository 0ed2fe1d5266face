from datetime import timedelta
from typing import Any

import pytest

from monitoring.signals import Signal, Tier
from monitoring.truth.outcomes import Fate, Followed, Outcome
from monitoring.truth.signals import FALSE_ALARMS, HEAVY_MISSES, LABEL_COVERAGE, Watched, truth_signals
from monitoring.window import Window
from smart_routing.labels import LabelRule, QueryWeight
from tests.unit.monitoring.truth.samples import HEAVY, HOUR, LIGHT, NOON, decision, known, outcome

WINDOW = Window(NOON, NOON + 6 * HOUR)
WATCHED = Watched(bound=0.05, rule=LabelRule(cpu_seconds=1.0, memory_bytes=10**6), known_until=NOON)
BEFORE = NOON - 6 * HOUR


def several(
    count: int, said: QueryWeight, was: QueryWeight, *, tenant: str = "lake.ads", **when: Any
) -> list[Followed]:
    return [known(said, was, template=f"{tenant}{number}", tenant=tenant, **when) for number in range(count)]


def signal(rows: list[Followed], name: str, *, tenant: str | None = None, watched: Watched = WATCHED) -> Signal:
    ordered = sorted(rows, key=lambda row: row.decision.submitted_at)
    found = truth_signals(ordered, (), window=WINDOW, watched=watched)
    (one,) = [one for one in found if one.name == name and one.tenant == tenant]
    return one


def speaks(one: Signal) -> bool:
    return one.is_large and one.p_value < 0.05


def test_misses_beyond_the_bound_are_told_for_all_and_for_whom() -> None:
    rows = [*several(100, HEAVY, HEAVY, tenant="lake.ml"), *several(8, LIGHT, HEAVY)]
    assert speaks(signal(rows, HEAVY_MISSES, tenant="lake.ads"))
    assert not speaks(signal(rows, HEAVY_MISSES, tenant="lake.ml"))
    assert not speaks(signal(rows, HEAVY_MISSES))
    worse = signal([*rows, *several(9, LIGHT, HEAVY, tenant="lake.search")], HEAVY_MISSES)
    assert speaks(worse)
    assert worse.tier is Tier.TRUTH
    assert worse.sentence == "17 of 117 heavy template-schema-days were sent to small, the certificate allows 5%"


def test_misses_of_earlier_windows_still_count_and_later_ones_do_not_yet() -> None:
    early, late = (several(8, LIGHT, HEAVY, submitted_at=moment) for moment in (BEFORE, NOON + 7 * HOUR))
    assert speaks(signal(early, HEAVY_MISSES))
    assert signal(late, HEAVY_MISSES).p_value == 1.0


def test_misses_are_not_counted_before_what_was_caught_at_the_same_time_has_ended() -> None:
    caught = [Followed(decision(f"q{place}", decision=HEAVY), Fate.PENDING) for place in range(40)]
    early = several(8, LIGHT, HEAVY, submitted_at=NOON + timedelta(minutes=1))
    assert signal([*caught, *early], HEAVY_MISSES).p_value == 1.0
    assert speaks(signal([*[Followed(one.decision, Fate.MISSING) for one in caught], *early], HEAVY_MISSES))


def test_without_a_certificate_there_is_nothing_to_hold_misses_against() -> None:
    no_bound = Watched(bound=None, rule=WATCHED.rule, known_until=NOON)
    found = truth_signals(several(9, LIGHT, HEAVY), (), window=WINDOW, watched=no_bound)
    assert HEAVY_MISSES not in {one.name for one in found}


@pytest.mark.parametrize(("alarmed", "expected"), [(4, False), (20, True)])
def test_rise_of_false_alarms_is_told(alarmed: int, expected: bool) -> None:
    rows = [
        *several(3, HEAVY, LIGHT, submitted_at=BEFORE, tenant="a"),
        *several(57, LIGHT, LIGHT, submitted_at=BEFORE, tenant="b"),
        *several(alarmed, HEAVY, LIGHT, tenant="c"),
        *several(60 - alarmed, LIGHT, LIGHT, tenant="d"),
    ]
    assert speaks(signal(rows, FALSE_ALARMS)) is expected


@pytest.mark.parametrize(
    ("fate", "expected"), [(Fate.MISSING, True), (Fate.PENDING, False), (Fate.WITHOUT_SIZE, False)]
)
def test_events_that_should_be_there_are_missed(fate: Fate, expected: bool) -> None:
    rows = [*several(50, LIGHT, LIGHT), *(Followed(decision("q"), fate) for _ in range(50))]
    found = signal(rows, LABEL_COVERAGE)
    assert speaks(found) is expected
    assert found.tier is Tier.QUALITY


def test_no_decisions_at_all_are_no_reason_for_an_alarm() -> None:
    found = truth_signals((), (), window=WINDOW, watched=WATCHED)
    assert not any(speaks(one) for one in found)
    assert {one.p_value for one in found} == {1.0}


def test_dearer_runs_of_the_same_texts_are_told_without_any_decision() -> None:
    def runs(cpu_seconds: float, *, day: int) -> list[Outcome]:
        start = NOON - day * 24 * HOUR
        return [
            outcome(
                f"q{day}-{place}",
                template=f"t{place % 4}",
                cpu_seconds=cpu_seconds,
                submitted_at=start + timedelta(minutes=place),
            )
            for place in range(40)
        ]

    past = [run for day in (1, 2, 3) for run in runs(0.1, day=day)]
    found = truth_signals((), [*past, *runs(0.4, day=0)], window=WINDOW, watched=WATCHED)
    (cpu,) = [one for one in found if one.name == "cpu_of_same_templates"]
    assert speaks(cpu)
    assert (cpu.tier, cpu.tenant) == (Tier.COST, "lake.ads")
    assert cpu.current == pytest.approx(4.0)
    assert cpu.sentence == (
        "the same 4 templates take 4.0 times the CPU that they took; "
        "the texts did not change (0% of the templates are new, 0% usually)"
    )
