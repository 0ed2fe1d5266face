"""Rolling over a log with contenders that learn in no time."""

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import pytest

from models.backtest.pool import pool
from models.backtest.rolling import Rolling, Step, Turn
from models.backtest.table import rolling_table
from models.capacity import read_capacity
from models.contenders.approach import own_threshold
from models.contenders.field import OURS
from models.dataset import digest
from models.evaluate import Contender
from models.replay import DAY, Every, Rolled, contest_of, replay, roll
from models.split import Split
from smart_routing.errors import TrainingError
from smart_routing.querylog.records import QueryRecord
from tests.unit.models.contests import FIELD, PER_DAY, contest_over, days
from tests.unit.models.examples import START, rows


def rolled(records: Sequence[QueryRecord], every: Every = Every.DAILY) -> Rolled:
    return roll(contest_over(records), every, approaches=FIELD, tell=lambda _: None)


@pytest.fixture(scope="module")
def nine() -> Rolled:
    return rolled(days(9))


@pytest.fixture(scope="module")
def found() -> Rolling:
    return replay(contest_over(days(9)), Every.DAILY, approaches=FIELD, capacity=read_capacity(), tell=lambda _: None)


def begins(found: Rolled) -> list[int]:
    return [(one.step.begin - START).days for one in found.played]


def test_days_are_decided_from_the_first_with_enough_before_it(nine: Rolled) -> None:
    assert begins(nine) == [5, 6, 7, 8]
    assert [(skipped.step.begin - START).days for skipped in nine.skipped] == [0, 1, 2, 3, 4]
    reasons = [skipped.reason.partition(":")[0] for skipped in nine.skipped]
    assert reasons[0] == "train block has 0 read statements, 0 of them heavy"
    assert reasons[4] == "calibration block has 27 heavy template-schema-days"


def test_weeks_begin_where_days_do_and_the_last_may_be_short() -> None:
    found = rolled(days(14), Every.WEEKLY)
    assert begins(found) == [5, 12]
    assert [len(one.split.holdout) for one in found.played] == [7 * PER_DAY, 2 * PER_DAY]


def test_the_past_is_cut_in_the_usual_proportion_and_the_later_part_calibrates(nine: Rolled) -> None:
    for one in nine.played:
        past = (*one.split.train, *one.split.calibration)
        assert len(one.split.train) == round(len(past) * 55 / 77)
        assert [known.request.submitted_utc for known in past] == sorted(known.request.submitted_utc for known in past)
        assert past[-1].ended_at < one.step.begin <= one.split.holdout[0].request.submitted_utc


def test_nothing_of_a_step_depends_on_what_comes_later(nine: Rolled) -> None:
    planted = [
        replace(one, sql=one.sql.replace("orders", "later"), cpu_seconds=10.0 * one.cpu_seconds)
        if one.create_time >= nine.played[1].step.end
        else one
        for one in days(9)
    ]
    as_it_was, changed = decisions(nine), decisions(rolled(planted))
    assert changed[:2] == as_it_was[:2]
    assert changed[2] != as_it_was[2]


def decisions(found: Rolled) -> list[object]:
    """Blocks, thresholds and scores of each step."""
    return [
        (_digests(one.split), {name: (own.threshold, own.rows.score.tolist()) for name, own in one.found.own.items()})
        for one in found.played
    ]


def _digests(split: Split) -> list[str]:
    return [digest(block) for block in (split.train, split.calibration, split.holdout)]


def test_a_step_knows_no_run_that_ends_after_it() -> None:
    known = contest_of(contest_over(days(9)), Step(START + 5 * DAY, START + 6 * DAY)).labelled
    assert max(run.ended_at for run in known.runs) < START + 6 * DAY
    assert len(known.runs) == len(known.examples) == 6 * PER_DAY


def test_what_still_runs_at_midnight_teaches_nothing_and_is_decided_once() -> None:
    records = days(8)
    late = 6 * PER_DAY - 1
    records[late] = replace(records[late], end_time=records[late].create_time + timedelta(hours=2))
    splits = [one.split for one in rolled(records).played]
    decided = [[one.request.query_id for one in split.holdout] for split in splits]
    assert [records[late].query_id in names for names in decided] == [True, False, False]
    learnt = [{one.request.query_id for one in (*split.train, *split.calibration)} for split in splits]
    assert [records[late].query_id in names for names in learnt] == [False, False, True]


def test_a_day_of_one_class_is_skipped_by_name_and_a_day_without_reads_is_none() -> None:
    quiet, empty = START + 6 * DAY, START + 7 * DAY
    kept = [one for one in days(9) if _day(one) != empty and (_day(one) != quiet or one.cpu_seconds < 10)]
    found = rolled(kept)
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
        rolled(records)


def test_every_step_is_told() -> None:
    told: list[str] = []
    roll(contest_over(days(6)), Every.DAILY, approaches=FIELD, tell=told.append)
    assert [line.partition(":")[0] for line in told] == ["2026-10-10 to 2026-10-11"]
    assert "48 reads decided; FNR <= 10%" in told[0]


def test_pooled_figures_are_those_of_all_steps(found: Rolling) -> None:
    for name, judged in found.pooled.items():
        turns = [turn.own[name].figures for turn in found.turns]
        assert judged.own.figures.rows == sum(figures.rows for figures in turns)
        assert judged.own.figures.missed == sum(figures.missed for figures in turns)
        assert judged.own.figures.cost == pytest.approx(sum(figures.cost for figures in turns))
    ours = found.pooled[OURS].own.figures
    assert (ours.missed, ours.light_share) == (4, 0.5 + 4 / ours.rows)
    assert len({turn.own[OURS].threshold.value for turn in found.turns}) == 4


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
