"""What every contender is given, and what it hands in."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Protocol

import numpy as np
from numpy.typing import ArrayLike

from models.candidate import Candidate, make_candidate
from models.dataset import Example, Labelled
from models.gate import GateThresholds
from models.params import TrainParams
from models.scoring import Scored, scored
from models.split import USUAL_SPLIT, Split, SplitRule, split_by_time
from smart_routing.bundle import Threshold
from smart_routing.features.statement import StatementKind
from smart_routing.labels import LabelRule

Score = Callable[[Sequence[Example]], ArrayLike]
"""From examples to scores of shape (n,); a score is in [0, 1], or infinite where it is no matter of degree."""


@dataclass(frozen=True, kw_only=True)
class Contest:
    """A labelled log, where to cut it, and what a contender may be made with."""

    labelled: Labelled
    rule: LabelRule
    params: TrainParams
    gate: GateThresholds
    split_rule: SplitRule = USUAL_SPLIT

    @cached_property
    def split(self) -> Split:
        """Raises `TrainingError` where a block lacks a class."""
        return split_by_time(self.labelled.reads, self.split_rule)

    @cached_property
    def candidate(self) -> Candidate:
        """Ours, made once: whoever takes its vocabulary need not fit it again. Raises what `make_candidate` does."""
        return make_candidate(self.labelled, self.rule, params=self.params, gate=self.gate, split_rule=self.split_rule)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """The two blocks that a contender did not learn from, scored, and the threshold that it decides at by itself."""

    calibration: Scored
    holdout: Scored
    threshold: Threshold


class Approach(Protocol):
    """Learns from the training block, scores the other two."""

    def __call__(self, contest: Contest, /) -> Entry: ...


def own_threshold(value: float) -> Threshold:
    """A threshold that nothing certifies."""
    return Threshold(value=value, without_history=value, certificate=None)


BY_RULE: Final = own_threshold(0.0)
"""The threshold of scores that are infinite throughout."""


def enter(contest: Contest, score: Score, *, threshold: Threshold) -> Entry:
    """Both blocks by one score; metadata statements are light whatever it says, as the policy chain sends them."""
    split = contest.split
    return Entry(
        calibration=_scored(split.calibration, score), holdout=_scored(split.holdout, score), threshold=threshold
    )


def _scored(examples: Sequence[Example], score: Score) -> Scored:
    metadata = [example.statement.kind is StatementKind.METADATA for example in examples]
    return scored(examples, np.where(metadata, -np.inf, score(examples)).tolist())
