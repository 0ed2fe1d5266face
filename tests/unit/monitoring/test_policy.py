"""The verdict and its sentence."""

from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import pytest

from monitoring.policy import Serving, hear, judge
from monitoring.signals import Signal, Tier
from monitoring.thresholds import read_thresholds
from monitoring.window import Window
from tests.unit.monitoring.samples import WINDOW_DAY

RULES = read_thresholds()
DAY = timedelta(days=1)


def window(back: int = 0, *, hours: int = 24) -> Window:
    """The one that ends so many of its lengths before the end of the day."""
    length = timedelta(hours=hours)
    return Window.before(WINDOW_DAY + DAY - back * length, length)


def signal(
    name: str = "sql_length",
    tier: Tier = Tier.FEATURES,
    *,
    back: int = 0,
    hours: int = 24,
    tenant: str | None = None,
    sentence: str = "",
    moved: bool = True,
) -> Signal:
    return Signal(
        name=name,
        tier=tier,
        window=window(back, hours=hours),
        tenant=tenant,
        reference=0.0,
        current=1.0,
        p_value=1e-9 if moved else 0.5,
        is_large=moved,
        sentence=sentence or f"{name} moved",
    )


def twice(found: Signal) -> list[Signal]:
    """In this window and in the one before."""
    length = found.window.end - found.window.start
    return [replace(found, window=Window.before(found.window.start, length)), found]


@pytest.mark.parametrize(
    ("spoke", "kind"),
    [
        pytest.param((True, True, True), "retrain", id="always"),
        pytest.param((True, False, True), "retrain", id="two of three"),
        pytest.param((False, True, True), "retrain", id="the last two"),
        pytest.param((False, False, True), "none", id="once"),
        pytest.param((True, True, False), "none", id="not any more"),
        pytest.param((True, True, False, False, True), "none", id="long ago"),
        pytest.param((True, True, None), "retrain", id="the newest cannot tell"),
        pytest.param((True, None, None, True), "retrain", id="of those that can tell"),
        pytest.param((), "no data", id="nothing"),
    ],
)
def test_a_signal_must_speak_in_two_of_three_windows_and_in_the_newest(
    spoke: tuple[bool | None, ...], kind: str
) -> None:
    ages = zip(spoke, range(len(spoke) - 1, -1, -1), strict=True)
    signals = [signal(moved=moved, back=back) for moved, back in ages if moved is not None]
    assert judge(signals, RULES).kind == kind


@pytest.mark.parametrize(
    ("spoke", "kind"),
    [
        pytest.param((True, True, False, False), "retrain", id="in the day's first half"),
        pytest.param((False, True, False, True, False, False), "retrain", id="begun the day before"),
        pytest.param((True, True, False, False, False, False), "none", id="of the day before alone"),
        pytest.param((True, False, False, True), "none", id="too far apart"),
    ],
)
def test_a_report_judges_every_short_window_that_ended_within_its_own(spoke: tuple[bool, ...], kind: str) -> None:
    ages = zip(spoke, range(len(spoke) - 1, -1, -1), strict=True)
    short = [signal(tier=Tier.COST, hours=6, back=back, moved=moved) for moved, back in ages]
    verdict = judge([signal("statements", Tier.QUALITY, moved=False), *short], RULES)
    assert verdict.kind == kind


def test_windows_of_different_lengths_are_not_counted_together() -> None:
    assert judge([signal(back=0), signal(hours=6)], RULES).kind == "none"


def test_one_among_many_questions_must_be_surer_than_one_alone() -> None:
    doubtful = replace(signal(), p_value=0.01)
    silent = [signal(f"other{number}", moved=False) for number in range(30)]
    assert hear([doubtful], 0.05) == {doubtful}
    assert hear([doubtful, *silent], 0.05) == set()
    assert doubtful in hear([doubtful, *silent, *(signal(f"sure{number}") for number in range(10))], 0.05)


def test_costs_that_fell_make_nothing_else_harder_to_hear() -> None:
    doubtful = replace(signal("cpu_of_same_templates", Tier.COST), p_value=0.01)
    fallen = [signal(f"cost{number}_of_same_templates_fell", Tier.COST, moved=False) for number in range(30)]
    assert hear([doubtful, *fallen], 0.05) == {doubtful}


def test_sure_but_small_is_nothing() -> None:
    assert judge(twice(replace(signal(), is_large=False)), RULES).kind == "none"


def test_chance_alone_is_heard_no_oftener_than_it_says() -> None:
    random = np.random.default_rng(3)
    families = [
        [replace(signal(f"n{n}"), p_value=float(p)) for n, p in enumerate(random.random(40))] for _ in range(500)
    ]
    assert np.mean([bool(hear(family, 0.05)) for family in families]) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 500)


@pytest.mark.parametrize(
    ("tiers", "kind"),
    [
        ((Tier.PREDICTION,), "retrain"),
        ((Tier.FEATURES,), "retrain"),
        ((Tier.COST,), "retrain"),
        ((Tier.TRUTH,), "retrain"),
        ((Tier.QUALITY,), "alert"),
        ((Tier.SKEW,), "alert"),
        ((Tier.QUALITY, Tier.FEATURES), "alert"),
        ((Tier.SKEW, Tier.FEATURES), "retrain"),
    ],
    ids=str,
)
def test_what_training_cures_is_trained_on_and_never_on_bad_data(tiers: tuple[Tier, ...], kind: str) -> None:
    signals = [found for tier in tiers for found in twice(signal(f"of {tier}", tier))]
    assert judge(signals, RULES).kind == kind


def test_decisions_that_met_no_event_do_not_keep_from_training() -> None:
    uncovered = signal("label_coverage", Tier.QUALITY)
    assert judge([uncovered], RULES).kind == "alert"
    assert judge([uncovered, *twice(signal())], RULES).kind == "retrain"


def misses(back: int, *, moved: bool = True) -> Signal:
    return signal("heavy_misses", Tier.TRUTH, back=back, hours=6, moved=moved)


def serving(hours_ago: int, *, has_previous: bool = True) -> Serving:
    return Serving(since=WINDOW_DAY + DAY - timedelta(hours=hours_ago), has_previous=has_previous)


QUIET_BEFORE = [misses(3, moved=False), misses(2, moved=False), misses(1), misses(0)]


@pytest.mark.parametrize(
    ("signals", "since", "kind"),
    [
        pytest.param(QUIET_BEFORE, serving(12), "rollback", id="began with the version"),
        pytest.param(QUIET_BEFORE, serving(11), "rollback", id="within its first window"),
        pytest.param(QUIET_BEFORE[2:], serving(12), "rollback", id="nothing was known before"),
        pytest.param(QUIET_BEFORE, serving(12, has_previous=False), "retrain", id="nothing to go back to"),
        pytest.param(QUIET_BEFORE, serving(20), "retrain", id="it served well at first"),
        pytest.param([misses(2), misses(1), misses(0)], serving(12), "retrain", id="the one before missed too"),
        pytest.param([misses(1), misses(0)], serving(48), "retrain", id="its beginning is out of sight"),
        pytest.param(QUIET_BEFORE, Serving(has_previous=True), "retrain", id="unknown since when"),
        pytest.param(
            [*QUIET_BEFORE, *twice(signal("cost", Tier.COST, hours=6))],
            serving(12),
            "retrain",
            id="statements got dearer",
        ),
    ],
)
def test_misses_that_came_with_a_version_go_with_it(signals: list[Signal], since: Serving, kind: str) -> None:
    assert judge(signals, RULES, serving=since).kind == kind


def test_bad_data_do_not_keep_a_bad_version() -> None:
    verdict = judge([*QUIET_BEFORE, signal("unparsed", Tier.QUALITY)], RULES, serving=serving(12))
    assert verdict.kind == "rollback"


def test_a_verdict_names_tenants_what_moved_and_what_follows() -> None:
    signals = [
        *twice(signal("new_tenant", Tier.PREDICTION, tenant="lake.research", sentence="5.0% are of this tenant")),
        *twice(replace(signal("heavy_share", Tier.PREDICTION, sentence="30.0% are called heavy"), p_value=1e-4)),
    ]
    verdict = judge(signals, RULES)
    assert verdict.reason == (
        "New tenant lake.research: 5.0% are of this tenant. 30.0% are called heavy. "
        "A model that has learnt from newer statements is called for."
    )
    assert verdict.tenants == ("lake.research",)
    assert [found.name for found in verdict.signals] == ["new_tenant", "heavy_share"]


def test_the_three_surest_moved_most_and_each_question_is_told_once() -> None:
    odds = {"a": 1e-5, "b": 1e-9, "c": 1e-7, "d": 1e-6}
    signals = [found for name, p in odds.items() for found in twice(replace(signal(name), p_value=p))]
    hourly = twice(replace(signal("b", hours=6), p_value=1e-8))
    verdict = judge([*signals, *hourly], RULES)
    assert [found.name for found in verdict.moved] == ["b", "c", "d"]
    assert verdict.reason.startswith("B moved; c moved; d moved; 1 more. ")


@pytest.mark.parametrize(
    ("signals", "said"),
    [
        pytest.param([signal("cost", Tier.COST, tenant="lake.ads")], True, id="dearer"),
        pytest.param([signal("history", tenant="lake.ads")], True, id="another past"),
        pytest.param([signal("cost", Tier.COST, tenant="lake.ads"), signal(tenant="lake.ads")], False, id="texts too"),
        pytest.param([signal("history"), signal("new_template", Tier.PREDICTION)], False, id="new templates"),
        pytest.param([signal()], False, id="texts alone"),
    ],
)
def test_that_texts_are_the_same_is_said_where_they_are(signals: list[Signal], said: bool) -> None:
    verdict = judge([found for one in signals for found in twice(one)], RULES)
    assert ("the texts did not change" in verdict.reason) is said


def volume(rows: int) -> Signal:
    return replace(
        signal("statements", Tier.QUALITY, moved=False, sentence=f"{rows} read statements"), current=float(rows)
    )


def test_nothing_to_compare_is_no_data() -> None:
    verdict = judge([volume(12)], RULES)
    assert (verdict.kind, verdict.reason) == ("no data", "12 read statements.")


def test_quiet_tells_what_was_seen_too_seldom() -> None:
    quiet = judge([volume(400), signal(moved=False)], RULES)
    once = judge([volume(400), signal(tenant="lake.ads")], RULES)
    assert quiet.reason == "400 read statements; nothing moved far beyond chance."
    assert once.reason == "400 read statements; in too few windows so far, tenant lake.ads: sql_length moved."
    assert (quiet.kind, once.kind) == ("none", "none")


def test_a_missed_night_changes_nothing() -> None:
    signals = [*twice(signal()), volume(400)]
    assert judge(signals, RULES) == judge(list(reversed(signals)), RULES)


def test_a_verdict_is_plain_json() -> None:
    document = judge(twice(signal()), RULES).as_json()
    assert document["signals"][0]["window"]["end"] == datetime.isoformat(WINDOW_DAY + DAY)
    assert document["moved"] == document["signals"]
