"""Rolling over a log with contenders that learn in no time."""

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import pytest
from numpy.typing import NDArray

from models.backtest.pool import pool
from models.backtest.rolling import Rolling, Step, Turn
from models.backtest.table import rolling_table
from models.calibrate import calibrate
from models.capacity import read_capacity
from models.contenders.approach import Contest, Entry, enter, own_threshold
from models.contenders.field import OURS
from models.contenders.rules import all_heavy, oracle
from models.dataset import Example, label
from models.evaluate import Contender
from models.gate import read_gate
from models.replay import DAY, Every, contest_of, replay
from models.train import read_params
from smart_routing.errors import TrainingError
from smart_routing.labels import LabelRule
from smart_routing.querylog.records import QueryRecord
from tests.unit.models.examples import START, example, rows

RULE = LabelRule()
PER_DAY = 48


def record(number: int) -> QueryRecord:
    """Every half hour a statement; every other one is heavy, each tenth of them without a join that tells."""
    created = START + timedelta(minutes=30 * number)
    heavy = number % 2 == 0
    return QueryRecord(
        query_id=f"q{number:04}",
        sql=example(0, heavy=heavy and number % 20 != 0).request.sql,
        user="ana",
        source="<b>dbt</b>",
        state="FINISHED",
        cpu_seconds=400.0 if heavy else 2.0,
        wall_seconds=5.0,
        create_time=created,
        end_time=created + timedelta(seconds=5),
        catalog="lake",
        schema=f"s{number}",
    )


def days(count: int) -> list[QueryRecord]:
    return [record(number) for number in range(count * PER_DAY)]


def contest_over(records: Sequence[QueryRecord]) -> Contest:
    return Contest(labelled=label(records, RULE), rule=RULE, params=read_params(), gate=read_gate())


def by_joins(contest: Contest) -> Entry:
    """Certified as ours is, on scores of a scale that each step has for itself."""
    scale = 1.0 / (1.0 + len(contest.split.train))
    drafted = enter(contest, lambda examples: scale * _joins(examples), threshold=own_threshold(0.5))
    block = drafted.calibration
    found = calibrate(block, blind=block, confidence=contest.gate.confidence, min_light_share=0.0)
    return replace(drafted, threshold=found.threshold)


def _joins(examples: Sequence[Example]) -> NDArray[np.float64]:
    return np.array([0.9 if "join" in one.request.sql else 0.1 for one in examples])


FIELD = {OURS: by_joins, "all_heavy": all_heavy, "oracle": oracle}


def roll(records: Sequence[QueryRecord], every: Every = Every.DAILY) -> Rolling:
    return replay(contest_over(records), every, FIELD, capacity=read_capacity(), tell=lambda _: None)


@pytest.fixture(scope="module")
def found() -> Rolling:
    return roll(days(9))


def begins(found: Rolling) -> list[int]:
    return [(turn.step.begin - START).days for turn in found.turns]


def test_days_are_decided_from_the_first_with_enough_before_it(found: Rolling) -> None:
    assert begins(found) == [5, 6, 7, 8]
    assert [(skipped.step.begin - START).days for skipped in found.skipped] == [0, 1, 2, 3, 4]
    reasons = [skipped.reason.partition(":")[0] for skipped in found.skipped]
    assert reasons[0] == "train block has 0 read statements, 0 of them heavy"
    assert reasons[4] == "calibration block has 27 heavy template-schema-days"


def test_weeks_begin_where_days_do_and_the_last_may_be_short() -> None:
    found = roll(days(14), Every.WEEKLY)
    assert begins(found) == [5, 12]
    assert [len(turn.split.holdout) for turn in found.turns] == [7 * PER_DAY, 2 * PER_DAY]


def test_the_past_is_cut_in_the_usual_proportion_and_the_later_part_calibrates(found: Rolling) -> None:
    for turn in found.turns:
        past = (*turn.split.train, *turn.split.calibration)
        assert len(turn.split.train) == round(len(past) * 55 / 77)
        assert [one.request.submitted_utc for one in past] == sorted(one.request.submitted_utc for one in past)
        assert past[-1].ended_at < turn.step.begin <= turn.split.holdout[0].request.submitted_utc


def test_nothing_of_a_step_depends_on_what_comes_later(found: Rolling) -> None:
    planted = [
        replace(one, sql=one.sql.replace("orders", "later"), cpu_seconds=10.0 * one.cpu_seconds)
        if one.create_time >= found.turns[1].step.end
        else one
        for one in days(9)
    ]
    changed = roll(planted)
    assert [turn.as_json() for turn in changed.turns[:2]] == [turn.as_json() for turn in found.turns[:2]]
    assert changed.turns[2].as_json() != found.turns[2].as_json()


def test_a_step_knows_no_run_that_ends_after_it() -> None:
    whole = contest_over(days(9))
    known = contest_of(whole, Step(START + 5 * DAY, START + 6 * DAY)).labelled
    assert max(run.ended_at for run in known.runs) < START + 6 * DAY
    assert len(known.runs) == len(known.examples) == 6 * PER_DAY


def test_what_still_runs_at_midnight_teaches_nothing_and_is_decided_once() -> None:
    records = days(8)
    late = 6 * PER_DAY - 1
    records[late] = replace(records[late], end_time=records[late].create_time + timedelta(hours=2))
    found = roll(records)
    decided = [[one.request.query_id for one in turn.split.holdout] for turn in found.turns]
    assert [records[late].query_id in names for names in decided] == [True, False, False]
    learnt = [{one.request.query_id for one in (*turn.split.train, *turn.split.calibration)} for turn in found.turns]
    assert [records[late].query_id in names for names in learnt] == [False, False, True]


def test_a_day_of_one_class_is_skipped_by_name_and_a_day_without_reads_is_none() -> None:
    quiet, empty = START + 6 * DAY, START + 7 * DAY
    kept = [one for one in days(9) if _day(one) != empty and (_day(one) != quiet or one.cpu_seconds < 10)]
    found = roll(kept)
    assert begins(found) == [5, 8]
    assert (found.skipped[-1].step.begin, found.skipped[-1].reason.partition(":")[0]) == (
        quiet,
        "holdout block has 24 read statements, 0 of them heavy",
    )


def _day(one: QueryRecord) -> datetime:
    return one.create_time.replace(hour=0, minute=0)


@pytest.mark.parametrize(
    ("records", "told"),
    [
        (
            days(2),
            "no daily step of this log can be decided; the last, 2026-10-06 to 2026-10-07: calibration block has",
        ),
        ([], "the log has no read statements"),
    ],
    ids=["short", "empty"],
)
def test_a_log_without_a_step_is_refused(records: list[QueryRecord], told: str) -> None:
    with pytest.raises(TrainingError, match=re.escape(told)):
        roll(records)


def test_every_step_is_told() -> None:
    told: list[str] = []
    replay(contest_over(days(6)), Every.DAILY, FIELD, capacity=read_capacity(), tell=told.append)
    assert [line.partition(":")[0] for line in told] == ["2026-10-10 to 2026-10-11"]
    assert "48 reads decided; FNR <= 10%" in told[0]


def test_pooled_figures_are_those_of_all_steps(found: Rolling) -> None:
    for name, judged in found.pooled.items():
        turns = [turn.own[name].figures for turn in found.turns]
        assert judged.own.figures.rows == sum(figures.rows for figures in turns)
        assert judged.own.figures.missed == sum(figures.missed for figures in turns)
        assert judged.own.figures.cost == pytest.approx(sum(figures.cost for figures in turns))
    assert len({turn.own[OURS].threshold.value for turn in found.turns}) > 1


def test_rows_are_pooled_as_they_were_decided() -> None:
    score, heavy = [0.2, 0.4, -np.inf], [True, True, False]
    turns = [Contender(rows=rows(score, heavy), threshold=own_threshold(value)) for value in (0.3, 0.1)]
    both = pool(turns)
    assert (both.rows.score >= both.threshold.value).tolist() == [False, True, False, True, True, False]
    assert both.rows.heavy.tolist() == heavy * 2


def test_promises_are_counted_by_step(found: Rolling) -> None:
    ours = found.own_promises(OURS)
    assert (ours.certified_steps, ours.refuted_steps) == (4, 0)
    refuted = replace(found, turns=[_refuted(turn) for turn in found.turns])
    assert refuted.own_promises(OURS).refuted_steps == 4
    assert found.own_promises("oracle").certified_steps == 0


def _refuted(turn: Turn) -> Turn:
    return replace(turn, own={**turn.own, OURS: replace(turn.own[OURS], refuted=True)})


def test_document_has_all_steps_and_nothing_that_is_no_number(found: Rolling) -> None:
    document = json.loads(json.dumps(found.as_json(), allow_nan=False))
    assert list(document) == ["rolling", "steps", "skipped", "contenders", "noise_ceiling"]
    assert document["rolling"] == "daily"
    step = document["steps"][0]
    assert (step["begin"], step["split"]["holdout"]["reads"]) == ("2026-10-10T00:00:00+00:00", PER_DAY)
    assert step["contenders"][OURS]["own"]["certificate"]["bound"] == 0.1
    ours = document["contenders"][OURS]["own"]
    assert (ours["rows"], ours["certified_steps"], ours["refuted_steps"]) == (4 * PER_DAY, 4, 0)
    assert ours["saving_ci"][0] <= ours["saving"] <= ours["saving_ci"][1]
    assert document["contenders"]["oracle"]["certified"] is None


def test_parts_of_the_steps_cover_all_rows(found: Rolling) -> None:
    for parts in found.pooled[OURS].strata.values():
        assert sum(part.figures.rows for part in parts.values()) == 4 * PER_DAY


def test_table_tells_steps_and_reasons(found: Rolling) -> None:
    lines = rolling_table(found).splitlines()
    assert sum(line.startswith("2026-10-") for line in lines) == 9
    assert sum("skipped: " in line for line in lines) == 5
    assert any(re.match(r"full +0 refuted of 4 ", line) for line in lines)
    assert re.search(r"\bnan", "\n".join(lines)) is None
