from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from models.contenders.approach import Contest
from models.contenders.field import CONTENDERS, LIGHTGBM, OURS, contenders_here
from models.contenders.template_p90 import template_p90
from models.contenders.text_boosting import text_boosting
from models.dataset import Example, Labelled
from models.gate import read_gate
from models.params import read_params
from smart_routing.history.keys import HistoryKeys
from smart_routing.history.timeline import Run
from smart_routing.labels import LabelRule
from tests.unit.models.examples import START, example

RULE = LabelRule(cpu_seconds=100.0, memory_bytes=1000)
EXAMPLES = tuple(example(number, heavy=number % 3 == 0) for number in range(200))


def contest(examples: Iterable[Example] = EXAMPLES, runs: Iterable[Run] = ()) -> Contest:
    params = read_params()
    few = params.model_copy(update={"rounds": params.rounds.model_copy(update={"most": 30})})
    found = tuple(examples)
    labelled = Labelled(examples=found, runs=tuple(runs), records=len(found), excluded=0, merged=0, dropped=0)
    return Contest(labelled=labelled, rule=RULE, params=few, gate=read_gate())


def run_of(past: Example, *, hours_before: float, cpu: float = 1.0, memory: int = 1) -> Run:
    """An earlier run of the same template, so many hours before the first example of the log."""
    return Run(
        keys=HistoryKeys.of(past.request, past.template, ()),
        ended_at=START - timedelta(hours=hours_before),
        heavy=False,
        cpu_seconds=cpu,
        memory_bytes=memory,
    )


LAST = EXAMPLES[-1]


@pytest.mark.parametrize(
    ("runs", "score"),
    [
        ([], np.inf),
        ([run_of(LAST, hours_before=3, cpu=100.0)], 0.5),
        ([run_of(LAST, hours_before=3, cpu=25.0)], 0.2),
        ([run_of(LAST, hours_before=3, cpu=25.0, memory=4000)], 0.8),
        ([run_of(LAST, hours_before=3, cpu=cpu) for cpu in range(11)], 0.09 / 1.09),
        ([run_of(LAST, hours_before=-9, cpu=25.0)], np.inf),
        ([run_of(LAST, hours_before=24 * 8, cpu=25.0)], np.inf),
        ([run_of(EXAMPLES[0], hours_before=3, cpu=25.0)], np.inf),
    ],
    ids=[
        "unseen",
        "at the limit",
        "below it",
        "memory",
        "p90 of ten",
        "ended later",
        "too long ago",
        "another template",
    ],
)
def test_p90_is_of_what_was_known_of_the_template(runs: list[Run], score: float) -> None:
    found = template_p90(contest(runs=runs))
    assert found.holdout.score[-1] == pytest.approx(score)
    assert found.threshold.value == 0.5


def test_text_boosting_sees_the_text_alone() -> None:
    changed = tuple(
        replace(one, request=replace(one.request, user=f"u{number}", source="cli", catalog="other"))
        for number, one in enumerate(EXAMPLES)
    )
    ours, theirs = (text_boosting(contest(examples)).holdout for examples in (EXAMPLES, changed))
    np.testing.assert_array_equal(ours.score, theirs.score)
    assert ((ours.score >= 0.5) == ours.heavy).all()


@pytest.mark.usefixtures("lightgbm_library")
@pytest.mark.parametrize("name", CONTENDERS)
def test_metadata_statements_are_light_to_everyone(name: str) -> None:
    asked = example(199, heavy=True, sql="show tables")
    entry = CONTENDERS[name](contest((*EXAMPLES[:-1], asked)))
    assert entry.holdout.score[-1] == -np.inf
    assert len(entry.calibration) == len(contest().split.calibration)


@pytest.mark.parametrize(
    ("name", "missed", "alarmed"), [("all_heavy", 0.0, 1.0), ("oracle", 0.0, 0.0)], ids=["all_heavy", "oracle"]
)
def test_bounds_of_what_can_be_decided(name: str, missed: float, alarmed: float) -> None:
    entry = CONTENDERS[name](contest())
    heavy, decided = entry.holdout.heavy, entry.holdout.score >= entry.threshold.value
    assert ((~decided)[heavy].mean(), decided[~heavy].mean()) == (missed, alarmed)


@pytest.mark.usefixtures("lightgbm_library")
def test_lightgbm_is_certified_behind_the_policy_chain() -> None:
    examples = [example(number, heavy=number % 3 == 0) for number in range(600)]
    unread = example(600, heavy=True, sql="select '" + "x" * 2_000_000)
    entry = CONTENDERS[LIGHTGBM](contest((*examples, unread)))
    heavy, decided = entry.holdout.heavy, entry.holdout.score >= entry.threshold.value
    assert entry.holdout.score[-1] == np.inf
    assert (decided == heavy).all()
    assert entry.threshold.certificate is not None
    assert entry.threshold.certificate.heavies == len(entry.calibration.heavy_units())


@pytest.mark.usefixtures("lightgbm_library")
def test_everyone_competes_where_lightgbm_can_be_loaded() -> None:
    assert contenders_here() == CONTENDERS


def test_ours_is_one_of_them() -> None:
    assert CONTENDERS[OURS](contest()).holdout.by_model().score.max() <= 1.0
