"""The steps of a rolling backtest as one set of decided rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np

from models.backtest.fleet import DecidedFleet
from models.backtest.judge import Competition, Judge
from models.backtest.result import Judged
from models.backtest.rolling import Step
from models.capacity import CapacityInputs
from models.contenders.approach import BY_RULE, Contest
from models.dataset import Example
from models.evaluate import Contender
from models.scoring import Scored
from models.split import Split
from models.strata import Parts, part_names, parts
from smart_routing.labels import LabelRule


@dataclass(frozen=True, slots=True)
class Played:
    """A step that was decided."""

    step: Step
    split: Split
    found: Competition


def judge_pooled(played: Sequence[Played], contest: Contest, *, capacity: CapacityInputs) -> Mapping[str, Judged]:
    """Every contender on the rows of all steps; at the bound those whose scores rank in each of them."""
    judge = Judge(
        _each([one.found.own for one in played]),
        _each([one.found.certified for one in played]),
        _fleet(played, contest, capacity=capacity),
        _strata([one.split for one in played], contest.rule),
    )
    return {name: judge(name) for name in judge.own}


def decided_reads(played: Sequence[Played]) -> list[Example]:
    """The reads of all steps."""
    return [example for one in played for example in one.split.holdout]


def pool(turns: Sequence[Contender]) -> Contender:
    """The rows of all turns, each with its decision for a score: thresholds of different models do not compare."""
    decided = [_decided(turn) for turn in turns]
    columns = {
        column.name: np.concatenate([getattr(rows, column.name) for rows in decided]) for column in fields(Scored)
    }
    return Contender(rows=Scored(**columns), threshold=BY_RULE)


def _decided(turn: Contender) -> Scored:
    heavy = turn.rows.score >= turn.threshold.value
    return replace(turn.rows, score=np.where(heavy, np.inf, -np.inf))


def _each(turns: Sequence[Mapping[str, Contender]]) -> dict[str, Contender]:
    return {name: pool([turn[name] for turn in turns]) for name in turns[0] if all(name in turn for turn in turns)}


def _fleet(played: Sequence[Played], contest: Contest, *, capacity: CapacityInputs) -> DecidedFleet:
    """Every statement of the steps' time."""
    examples = [
        example
        for example in contest.labelled.examples
        if any(example.request.submitted_utc in one.step for one in played)
    ]
    return DecidedFleet.running(examples, decided_reads(played), rule=contest.rule, inputs=capacity)


def _strata(splits: Sequence[Split], rule: LabelRule) -> Parts:
    """Seen means in the training block of the step."""
    named = [part_names(split.holdout, before=split.train, rule=rule) for split in splits]
    return {way: parts([name for names in named for name in names[way]]) for way in named[0]}
