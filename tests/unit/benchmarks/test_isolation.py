"""The figures of the isolation benchmark, and the page that it writes."""

import json
import math
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from benchmarks.isolation.__main__ import Plan
from benchmarks.isolation.figures import (
    METRICS,
    LegFigures,
    Pair,
    Truth,
    compare,
    expanded_confidence,
    leg_figures,
    truth,
)
from benchmarks.isolation.report import Results, section
from benchmarks.isolation.training import TrainedRouter, refuse_seen
from benchmarks.page import write_json, write_section
from benchmarks.workload.querylog import run_name
from benchmarks.workload.tenants import Role
from infra.local.scale import SCALED_RULE
from smart_routing.errors import InputError
from tests.unit.benchmarks.runs import drive, events, outcome
from tests.unit.querylog.samples import record

KILLED = "EXCEEDED_LOCAL_MEMORY_LIMIT"
P90 = next(metric for metric in METRICS if metric.title == "light statements, P90")
KILLS = next(metric for metric in METRICS if metric.title.startswith("killed"))


@pytest.mark.parametrize(("seed", "pairs"), [(1, 5), (-3, 4), (996, 8)], ids=str)
def test_legs_warm_up_and_training_have_statements_of_their_own(seed: int, pairs: int) -> None:
    plan = Plan(pairs=pairs, minutes=1, per_second=1, seed=seed, events=None, train_minutes=1)
    assert len({*plan.seeds, plan.warm_up_seed, plan.training_seed}) == pairs + 2


@pytest.mark.parametrize("seed", [1, -1], ids=str)
def test_log_with_the_statements_of_a_leg_is_refused(seed: int) -> None:
    unseen = frozenset({run_name(seed), run_name(seed + 1)})
    records = [record(trace_token=f"{run_name(seed)}-00004-1"), record(trace_token=None)]
    with pytest.raises(InputError, match=f"--events is logs/a, with statements of {run_name(seed)}, whose seed a leg"):
        refuse_seen(records, unseen, log="logs/a")


def test_log_of_another_seed_or_of_another_workload_is_taken() -> None:
    tokens = [f"{run_name(11)}-00004-0", f"{run_name(-1)}-00004-0", "a-token-of-a-client", "t", None]
    refuse_seen([record(trace_token=token) for token in tokens], frozenset({run_name(1)}), log="logs/a")


def test_truth_is_of_the_measured_leg_and_leaves_out_what_tells_nothing() -> None:
    outcomes = [
        outcome(0),
        outcome(1, ("equal-a", None)),
        outcome(2, ("equal-a", KILLED)),
        outcome(3, role=Role.ETL, sql="insert into t values 1"),
        outcome(4, ("equal-a", "SYNTAX_ERROR")),
        outcome(5, ("equal-b", "USER_CANCELED"), cancel_after=0.5),
        outcome(6, ("equal-b", "TABLE_NOT_FOUND"), role=Role.ETL, sql="drop table t"),
        outcome(7, role=Role.ETL),
    ]
    known = truth(drive(*outcomes), events(*outcomes, cpu={1: 3.0}), SCALED_RULE)
    assert known == Truth(light=frozenset({0, 7}), heavy=frozenset({1, 2, 3}))


def test_leg_counts_reruns_in_latency_and_what_was_cut_off_until_the_end() -> None:
    known = Truth(light=frozenset({0, 1}), heavy=frozenset({2, 3}))
    arrivals = {number: float(number) for number in range(6)}
    done = drive(
        outcome(0, ("large", None)),
        outcome(2, ("small", KILLED), ("large", None)),
        outcome(3, ("large", "EXCEEDED_CPU_LIMIT")),
        outcome(4, ("small", "SYNTAX_ERROR")),
        outcome(5, ("small", "USER_CANCELED"), cancel_after=0.5),
        unfinished=1,
        seconds=50.0,
    )
    assert leg_figures(done, known, arrivals) == LegFigures(
        light=(2.0, 49.0),
        heavy=(4.0, 2.0),
        makespan=4.0,
        size_failures=2,
        reruns=1,
        failures=2,
        unfinished=1,
        on_small=3,
        light_on_large=1,
        heavy_on_small=1,
    )


def test_statements_that_no_leg_judges_are_counted_where_they_end_badly() -> None:
    timed_out = outcome(0, ("equal-a", "USER_CANCELED"))
    done = drive(timed_out, unfinished=1)
    known = truth(done, events(timed_out, cpu={}), SCALED_RULE)
    figures = leg_figures(done, known, {0: 0.0, 1: 1.0})
    assert known == Truth(light=frozenset(), heavy=frozenset())
    assert (figures.failures, figures.unfinished) == (1, 1)


def test_heavy_statements_span_from_the_first_arrival_to_the_last_end() -> None:
    done = drive(outcome(3, seconds=40.0), outcome(8, seconds=1.0), unfinished=1, seconds=50.0)
    arrivals = {3: 3.0, 8: 8.0, 9: 9.0}
    ended = leg_figures(done, Truth(light=frozenset(), heavy=frozenset({3, 8})), arrivals)
    cut_off = leg_figures(done, Truth(light=frozenset(), heavy=frozenset({8, 9})), arrivals)
    none = leg_figures(done, Truth(light=frozenset({3}), heavy=frozenset()), arrivals)
    assert (ended.makespan, cut_off.makespan) == (40.0, 42.0)
    assert math.isnan(none.makespan)


def leg(*light: float, size_failures: int = 0, heavy: tuple[float, ...] = (5.0,), makespan: float = 60.0) -> LegFigures:
    return LegFigures(
        light=light,
        heavy=heavy,
        makespan=makespan,
        size_failures=size_failures,
        reruns=0,
        failures=0,
        unfinished=0,
        on_small=1,
        light_on_large=0,
        heavy_on_small=0,
    )


def pair(seed: int, round_robin: LegFigures, routed: LegFigures) -> Pair:
    return Pair(seed=seed, statements=3, routed_first=False, round_robin=round_robin, routed=routed)


def test_quantiles_are_of_all_pairs_together_and_the_interval_is_over_pairs() -> None:
    pairs = [pair(seed, leg(*[1.0 + seed] * 10), leg(*[0.5] * 10)) for seed in range(5)]
    comparison = compare(pairs, P90, seed=1)
    assert (comparison.round_robin, comparison.routed) == (5.0, 0.5)
    assert comparison.difference == -4.5
    assert -4.5 <= comparison.low < comparison.high < 0


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("light statements, P50", 50.5),
        ("light statements, P90", 90.1),
        ("light statements, P99", 99.01),
        ("heavy statements, P50", 15.0),
        ("heavy statements, P90", 19.0),
        ("heavy statements, makespan", 50.0),
        ("killed for size, a leg", 1.5),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_metrics_of_two_legs_pool_statements_and_average_the_rest(title: str, expected: float) -> None:
    low, high = [float(second) for second in range(1, 51)], [float(second) for second in range(51, 101)]
    legs = [
        leg(*high, heavy=(20.0,), makespan=40.0, size_failures=3),
        leg(*low, heavy=(10.0,), makespan=60.0),
    ]
    metric = next(one for one in METRICS if one.title == title)
    assert metric.of(legs) == pytest.approx(expected)


def test_figures_of_no_statement_are_unknown() -> None:
    empty = leg(heavy=())
    assert [math.isnan(metric.of([empty])) for metric in METRICS[:5]] == [True] * 5


def test_interval_is_the_same_for_the_same_seed() -> None:
    pairs = [pair(seed, leg(1.0 + seed, 3.0), leg(0.5, 2.0 * seed)) for seed in range(6)]
    assert compare(pairs, P90, seed=1) == compare(pairs, P90, seed=1)


def test_pairs_without_a_difference_have_none_in_their_interval() -> None:
    pairs = [pair(seed, leg(1.0, 2.0), leg(1.0, 2.0)) for seed in range(5)]
    comparison = compare(pairs, P90, seed=1)
    assert (comparison.difference, comparison.low, comparison.high) == (0.0, 0.0, 0.0)


def test_worse_is_reported_as_worse() -> None:
    pairs = [pair(seed, leg(1.0), leg(1.0, size_failures=3)) for seed in range(5)]
    assert compare(pairs, KILLS, seed=1).difference == 3.0


@pytest.mark.parametrize("pairs", [1, 4], ids=str)
def test_too_few_pairs_have_no_interval(pairs: int) -> None:
    comparison = compare([pair(seed, leg(1.0), leg(2.0 + seed)) for seed in range(pairs)], P90, seed=1)
    assert comparison.difference >= 1.0
    assert math.isnan(comparison.low)
    assert math.isnan(comparison.high)


@pytest.mark.parametrize(("pairs", "expected"), [(5, 0.99809), (8, 0.98852), (100_000, 0.95)], ids=str)
def test_interval_over_few_pairs_is_widened(pairs: int, expected: float) -> None:
    assert expanded_confidence(pairs) == pytest.approx(expected, abs=1e-5)


@pytest.fixture
def results() -> Results:
    return Results(
        made_at=datetime(2026, 11, 23, tzinfo=UTC),
        machine="2 cores of a machine",
        minutes=2.0,
        per_second=1.2,
        router=TrainedRouter(
            bundle=Path("bundle"), log="a log", reads=900, heavy_reads=90, calibration="No bound is supported."
        ),
        pairs=(pair(4, leg(1.0), leg(0.5)), pair(5, leg(1.2), leg(0.6))),
    )


def test_section_tells_the_conditions_and_every_metric(results: Results) -> None:
    text = section(results)
    for part in (
        "| light statements, P90 |",
        "2 pairs",
        "seeds 4, 5",
        "No bound is supported.",
        "2 cores of a machine",
    ):
        assert part in text
    assert text.count("\n| ") == len(METRICS) + 1
    assert "A leg has 1 light and 1 heavy ones." in text
    assert "sent 0% of the light statements to large and 0% of the heavy ones to small." in text


def test_row_has_both_figures_their_difference_and_its_interval(results: Results) -> None:
    assert (
        "\n| light statements, P50 | 1.10 s | 0.55 s | -0.55 s | - |\n"
        "| light statements, P90 | 1.18 s | 0.59 s | -0.59 s | - |\n"
    ) in section(results)
    same = replace(results, pairs=tuple(pair(seed, leg(2.0), leg(2.5, size_failures=1)) for seed in range(5)))
    assert "| light statements, P99 | 2.00 s | 2.50 s | +0.50 s | +0.50 to +0.50 s |\n" in section(same)
    assert "| killed for size, a leg | 0.00 | 1.00 | +1.00 | +1.00 to +1.00 |\n" in section(same)


def test_misrouted_are_shares_of_what_the_legs_had(results: Results) -> None:
    routed = replace(leg(1.0, 1.0, 1.0, 1.0, heavy=(5.0, 5.0)), light_on_large=1, heavy_on_small=1)
    text = section(replace(results, pairs=(pair(1, routed, routed),)))
    assert "sent 25% of the light statements to large and 50% of the heavy ones to small." in text


def test_figure_that_is_unknown_is_null_in_json(tmp_path: Path, results: Results) -> None:
    without = leg(1.0, heavy=(), makespan=math.nan)
    write_json(replace(results, pairs=(pair(1, without, without),)).as_json(), tmp_path / "isolation.json")
    document = json.loads((tmp_path / "isolation.json").read_text(), parse_constant=pytest.fail)
    assert document["pairs"][0]["routed"]["makespan"] is None
    heavy = next(one for one in document["comparisons"] if one["title"] == "heavy statements, P90")
    assert {heavy[name] for name in ("round_robin", "routed", "difference", "low", "high")} == {None}
    assert document["router"]["bundle"] is None


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (None, "# Performance\n\nNEW\n"),
        ("# Performance\n\n## Other\n\ntext\n", "# Performance\n\n## Other\n\ntext\n\nNEW\n"),
        (
            "# Performance\n\n## Isolation\n\nold\n\n### part\n\n## Other\n\ntext\n",
            "# Performance\n\nNEW\n\n## Other\n\ntext\n",
        ),
        ("# Performance\n\n## Isolation\n\nold\n", "# Performance\n\nNEW\n"),
    ],
    ids=["no page", "no section", "a section among others", "a section at the end"],
)
def test_section_takes_the_place_of_the_one_before(tmp_path: Path, before: str | None, after: str) -> None:
    page, new = tmp_path / "performance.md", "## Isolation\n\nfigures\n"
    if before is not None:
        page.write_text(before)
    write_section(new, page)
    assert page.read_text() == after.replace("NEW\n", new)
    write_section(new, page)
    assert page.read_text() == after.replace("NEW\n", new)


def test_results_are_kept_as_json_with_the_figures_of_every_leg(tmp_path: Path, results: Results) -> None:
    write_json(results.as_json(), tmp_path / "new" / "isolation.json")
    document = json.loads((tmp_path / "new" / "isolation.json").read_text())
    assert [one["routed"]["light"] for one in document["pairs"]] == [[0.5], [0.6]]
    assert {one["title"] for one in document["comparisons"]} == {metric.title for metric in METRICS}
