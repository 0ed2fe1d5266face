import csv
import gzip
from datetime import UTC, datetime
from pathlib import Path

import pytest

from models.lineage import STATEMENTS_FILE, write_statements
from models.split import SplitTimes, split_by_time, submitted_after
from smart_routing.errors import TrainingError
from tests.unit.models.examples import example


def test_only_what_came_later_may_judge() -> None:
    examples = [example(number, heavy=number % 4 == 0) for number in range(20)]
    moment = examples[9].request.submitted_at
    assert [found.request.query_id for found in submitted_after(examples, moment)] == [f"q{n}" for n in range(10, 20)]
    with pytest.raises(TrainingError, match=r"holdout .* has 0 read statements"):
        submitted_after(examples, examples[-1].request.submitted_at)


def test_blocks_are_disjoint_and_in_order_of_time() -> None:
    examples = [example(number, heavy=number % 4 == 0) for number in range(100)]
    split = split_by_time(examples)
    assert (*split.train, *split.calibration, *split.holdout) == tuple(examples)
    assert [len(split.train), len(split.calibration), len(split.holdout)] == [55, 22, 23]


@pytest.mark.parametrize("heavy", [True, False], ids=["all-heavy", "all-light"])
def test_block_of_one_class_is_refused_by_name(heavy: bool) -> None:
    with pytest.raises(TrainingError, match="train block has 55 read statements"):
        split_by_time([example(number, heavy=heavy) for number in range(100)])


def test_blocks_are_cut_at_given_times() -> None:
    examples = [example(number, heavy=number % 4 == 0) for number in range(100)]
    times = [found.request.submitted_utc for found in examples]
    split = split_by_time(examples, SplitTimes(train_until=times[80], calibrate_until=times[90]))
    assert [len(split.train), len(split.calibration), len(split.holdout)] == [80, 10, 10]
    assert split.calibration[0] is examples[80]


@pytest.mark.parametrize(
    ("train_until", "calibrate_until", "told"),
    [
        (datetime(2026, 10, 5), datetime(2026, 10, 6, tzinfo=UTC), "expected times with a zone"),
        (datetime(2026, 10, 6, tzinfo=UTC), datetime(2026, 10, 6, tzinfo=UTC), "expected the second to be later"),
    ],
    ids=["no-zone", "same"],
)
def test_times_that_cut_no_three_blocks_are_refused(
    train_until: datetime, calibrate_until: datetime, told: str
) -> None:
    with pytest.raises(TrainingError, match=told):
        SplitTimes(train_until=train_until, calibrate_until=calibrate_until)


def test_every_statement_of_a_split_is_written_down_with_its_block(tmp_path: Path) -> None:
    examples = [example(number, heavy=number % 4 == 0) for number in range(100)]
    write_statements(split_by_time(examples), tmp_path)
    with gzip.open(tmp_path / STATEMENTS_FILE, "rt", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["query_id"] for row in rows] == [found.request.query_id for found in examples]
    assert [row["weight"] for row in rows] == [found.weight.value for found in examples]
    assert [row["block"] for row in rows] == ["training"] * 55 + ["calibration"] * 22 + ["holdout"] * 23
