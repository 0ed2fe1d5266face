"""A log whose contenders learn in no time."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.calibrate import calibrate
from models.contenders.approach import Approach, Contest, Entry, enter, own_threshold
from models.contenders.field import OURS
from models.contenders.rules import all_heavy, oracle
from models.dataset import Example, label
from models.gate import read_gate
from models.params import read_params
from smart_routing.labels import LabelRule
from smart_routing.querylog.records import QueryRecord
from tests.unit.models.examples import START, example

RULE: Final = LabelRule()
PER_DAY: Final = 48


def record(number: int) -> QueryRecord:
    """Every half hour a statement; every other one is heavy, and from the ninth day on some have no join that tells."""
    created = START + timedelta(minutes=30 * number)
    heavy = number % 2 == 0
    return QueryRecord(
        query_id=f"q{number:04}",
        sql=example(0, heavy=heavy and (number % 12 != 0 or number < 8 * PER_DAY)).request.sql,
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


FIELD: Final[Mapping[str, Approach]] = {OURS: by_joins, "all_heavy": all_heavy, "oracle": oracle}
