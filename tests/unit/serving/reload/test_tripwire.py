"""What a swap may do to the decisions, and what undoes it."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import cycle, islice
from random import Random
from typing import Any

import pytest

from serving.reload.tripwire import IN_A_ROW, LAST_WINDOW, MOST_BEFORE, MOST_NOTED, Subject, Swap, TripLimits, Tripwire
from smart_routing.labels import QueryWeight
from smart_routing.routing import Reason, RoutingDecision
from tests.unit.serving.reload.swaps import LIMITS

OLD, NEW = "v1-aaaaaa", "v2-bbbbbb"
LIGHT = RoutingDecision(
    weight=QueryWeight.LIGHT, reason=Reason.MODEL, model_version=OLD, history_snapshot="s1", template="t"
)


def on(*templates: str, heavy: str = "", **fields: Any) -> list[RoutingDecision]:
    """A light decision on each template, a heavy one on those in `heavy`."""
    weights = {
        template: QueryWeight.HEAVY if template in heavy.split() else QueryWeight.LIGHT for template in templates
    }
    return [replace(LIGHT, template=template, weight=weights[template], **fields) for template in templates]


def failed(reason: Reason, **fields: Any) -> RoutingDecision:
    return replace(LIGHT, weight=QueryWeight.HEAVY, reason=reason, history_snapshot=None, template=None, **fields)


@dataclass
class Rig:
    """A tripwire whose time and decisions are in the test's hands."""

    limits: TripLimits = LIMITS
    now: float = 0.0

    def __post_init__(self) -> None:
        self.tripwire = Tripwire(self.limits, monotonic=lambda: self.now)
        self.undone: list[tuple[str, str]] = []

    def swap(self, subject: Subject = Subject.MODEL, old: str = OLD, new: str = NEW) -> None:
        undo = lambda reason: self.undone.append((new, reason))  # noqa: E731  # it is told what it undoes
        self.tripwire.watch(Swap(subject=subject, old=old, new=new, undo=undo))

    def decide(self, decisions: Iterable[RoutingDecision]) -> None:
        for decision in decisions:
            self.tripwire.note(decision)

    def windows(self, decisions: Iterable[RoutingDecision], *, windows: int = IN_A_ROW) -> list[tuple[str, str]]:
        """Full windows of these decisions over and over; what was undone by then."""
        endless = cycle(decisions)
        for _ in range(windows):
            self.decide(islice(endless, self.limits.decisions))
            self.now += self.limits.seconds
            self.tripwire.step()
        return self.undone


TEMPLATES = ("a", "b", "c", "d", "e")


def before(rig: Rig, heavy: str = "a") -> Rig:
    rig.decide(on(*TEMPLATES, heavy=heavy) * 100)
    return rig


@pytest.mark.parametrize(
    ("heavy", "told"),
    [
        pytest.param("a b c", "found heavy 60.0% of 100 decisions where 20.0% were before", id="rise"),
        pytest.param("", "found heavy 0.0% of 100 decisions where 20.0% were before", id="fall"),
        pytest.param("a", None, id="same"),
        pytest.param("b", None, id="others"),
        pytest.param("a b", None, id="rise-within-the-limit"),
    ],
)
def test_heavy_share_that_moves_on_the_same_templates_undoes_the_swap(heavy: str, told: str | None) -> None:
    rig = before(Rig())
    rig.swap()
    undone = rig.windows(on(*TEMPLATES, heavy=heavy, model_version=NEW))
    assert undone == ([(NEW, f"the model {told}")] if told else [])


@pytest.mark.parametrize("reason", [Reason.MODEL_ERROR, Reason.DEADLINE])
def test_failures_undo_the_swap(reason: Reason) -> None:
    rig = before(Rig())
    rig.swap()
    good = on(*TEMPLATES * 3, heavy="a", model_version=NEW)
    ((undone, why),) = rig.windows([*good, *[failed(reason, model_version=NEW)] * 2])
    assert undone == NEW
    assert why.startswith("the model failed or was late in 1")


def test_failures_that_were_there_before_do_not() -> None:
    rig = Rig()
    mixed = [*on(*TEMPLATES, heavy="a"), failed(Reason.DEADLINE)]
    rig.decide(mixed * 100)
    rig.swap()
    assert rig.windows([replace(one, model_version=NEW) for one in mixed], windows=LAST_WINDOW) == []


def test_one_bad_window_does_not() -> None:
    rig = before(Rig())
    rig.swap()
    good, bad = on(*TEMPLATES, heavy="a", model_version=NEW), [failed(Reason.DEADLINE, model_version=NEW)]
    for decisions in (bad, good, bad, bad, good) * 4:
        assert rig.windows(decisions, windows=1) == []


def test_window_lasts_its_time_however_many_decisions_come() -> None:
    rig = before(Rig())
    rig.swap()
    for _ in range(50):
        rig.decide([failed(Reason.DEADLINE, model_version=NEW)] * LIMITS.decisions)
        rig.tripwire.step()
    assert rig.undone == []


def test_few_decisions_are_waited_for() -> None:
    rig = before(Rig())
    rig.swap()
    for _ in range(LIMITS.decisions - 1):
        rig.decide(on("b", heavy="b", model_version=NEW))
        rig.now += 10
        rig.tripwire.step()
    assert rig.undone == []


def test_few_decisions_before_the_swap_are_no_measure() -> None:
    rig = Rig()
    rig.decide(islice(cycle(on(*TEMPLATES, heavy="a")), LIMITS.decisions - 1))
    rig.swap()
    assert rig.windows(on(*TEMPLATES, heavy="a b c d e", model_version=NEW), windows=LAST_WINDOW) == []


@pytest.mark.parametrize("reason", [Reason.WRITE_STATEMENT, Reason.OVERRIDE, Reason.KNOWN_HEAVY_TEMPLATE])
def test_what_rules_decide_does_not_count(reason: Reason) -> None:
    rig = before(Rig())
    rig.swap()
    ruled = [replace(one, reason=reason) for one in on(*TEMPLATES, heavy="a b c d e", model_version=NEW)]
    assert rig.windows(ruled, windows=LAST_WINDOW) == []


def test_templates_that_are_new_or_come_more_often_do_not_count() -> None:
    rig = before(Rig())
    rig.swap()
    morning = on("a", "a", "a", "x", "y", "z", heavy="a x y z", model_version=NEW)
    assert rig.windows(morning, windows=LAST_WINDOW) == []


def test_pinned_requests_of_other_versions_do_not_count() -> None:
    rig = before(Rig())
    rig.swap()
    pinned = on(*TEMPLATES, heavy="a b c d e", model_version="v9-999999")
    assert rig.windows([*on(*TEMPLATES, heavy="a", model_version=NEW), *pinned], windows=LAST_WINDOW) == []


def test_swap_that_stood_its_time_is_not_undone_later() -> None:
    rig = before(Rig())
    rig.swap()
    rig.windows(on(*TEMPLATES, heavy="a", model_version=NEW), windows=LAST_WINDOW)
    assert rig.windows(on(*TEMPLATES, heavy="a b c d e", model_version=NEW)) == []


def test_trusted_version_is_not_judged() -> None:
    rig = before(Rig())
    rig.swap()
    rig.tripwire.trust(Subject.MODEL, OLD)
    assert rig.windows(on(*TEMPLATES, heavy="a b c d e", model_version=NEW)) == []


def test_swap_is_undone_once() -> None:
    rig = before(Rig())
    rig.swap()
    assert len(rig.windows(on(*TEMPLATES, heavy="a b c d e", model_version=NEW), windows=9)) == 1


def test_snapshot_is_judged_likewise() -> None:
    rig = before(Rig())
    rig.swap(Subject.HISTORY, "s1", "s2")
    ((undone, why),) = rig.windows(on(*TEMPLATES, heavy="a b c", history_snapshot="s2"))
    assert (undone, why) == ("s2", "the model found heavy 60.0% of 100 decisions where 20.0% were before")


def test_failures_after_a_snapshot_are_its_own() -> None:
    rig = Rig()
    rig.tripwire.trust(Subject.HISTORY, "s1")
    before(rig)
    rig.swap(Subject.HISTORY, "s1", "s2")
    assert [name for name, _ in rig.windows([failed(Reason.MODEL_ERROR)])] == ["s2"]


def test_swaps_of_both_at_once_are_not_blamed_on_either() -> None:
    rig = Rig()
    rig.tripwire.trust(Subject.HISTORY, "s1")
    before(rig)
    rig.swap()
    rig.swap(Subject.HISTORY, "s1", "s2")
    moved = on(*TEMPLATES, heavy="a b c d e", model_version=NEW, history_snapshot="s2")
    assert rig.windows([*moved, failed(Reason.MODEL_ERROR, model_version=NEW)]) == []


def test_more_decisions_than_fit_are_a_sample() -> None:
    rig = before(Rig())
    rig.decide(on("b") * (MOST_BEFORE + MOST_NOTED))
    rig.swap()
    assert [name for name, _ in rig.windows(on("b", heavy="b", model_version=NEW) * (2 * MOST_NOTED))] == [NEW]


def drawn(random: Random, decisions: int, **fields: Any) -> list[RoutingDecision]:
    """30 templates, each heavy by its own chance, 2% failures."""
    made = []
    for _ in range(decisions):
        template = min(int(random.expovariate(0.2)), 29)
        weight = QueryWeight.HEAVY if random.random() < (template % 10) / 9 else QueryWeight.LIGHT
        decision = replace(LIGHT, template=str(template), weight=weight, **fields)
        made.append(failed(Reason.DEADLINE, **fields) if random.random() < 0.02 else decision)
    return made


def share_undone(limits: TripLimits, *, swaps: int, seed: int) -> float:
    """The share of swaps to a version that decides like the one before it, yet is undone."""
    random, undone = Random(seed), 0
    for _ in range(swaps):
        rig = Rig(limits)
        rig.decide(drawn(random, 300))
        rig.swap()
        rig.tripwire.step()
        undone += bool(
            rig.windows(drawn(random, LAST_WINDOW * limits.decisions, model_version=NEW), windows=LAST_WINDOW)
        )
    return undone / swaps


def test_chance_undoes_no_swap_and_fewer_than_one_in_a_hundred_even_without_tolerances() -> None:
    touchy = replace(LIMITS, heavy_rise=0.0, heavy_fall=0.0, error_rise=0.0, in_a_row=1)
    assert share_undone(LIMITS, swaps=100, seed=5) == 0
    assert share_undone(touchy, swaps=100, seed=6) <= 0.01
