"""Judging parameters inside the training block: what its first part teaches, scored on what came right after."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from models.dataset import Example
from models.params import TrainParams
from models.scoring import Scored, scored
from models.split import check_classes
from models.train import fit, predict, prepare, targets_of
from models.vectors import matrix
from smart_routing.features.statement import StatementKind
from smart_routing.history.measures import HistorySource
from smart_routing.labels import LabelRule

FOLDS: Final = 3
CAUGHT: Final = 0.95
"""Share of the heavy template-schema-days that must be caught: a threshold is chosen to keep most of them, not half."""
_CERTAIN: Final = 1e-7


@dataclass(frozen=True, slots=True, order=True)
class Quality:
    """How good parameters are; the smaller is better, the log-loss counts where the rates are equal."""

    false_positive_rate: float
    log_loss: float

    @classmethod
    def mean(cls, found: Sequence[Self]) -> Self:
        rates, losses = [one.false_positive_rate for one in found], [one.log_loss for one in found]
        return cls(float(np.mean(rates)), float(np.mean(losses)))

    def as_json(self) -> dict[str, float]:
        return {"false_positive_rate": self.false_positive_rate, "log_loss": self.log_loss}

    def __str__(self) -> str:
        return f"FPR {self.false_positive_rate:.2%}, log-loss {self.log_loss:.4f}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fold:
    """Examples to learn from and later ones to judge by, with their vectors, which are the same for every trial."""

    learnt: Sequence[Example]
    learnt_vectors: csr_matrix
    judged: Sequence[Example]
    judged_vectors: NDArray[np.float32]

    def quality(self, params: TrainParams, rule: LabelRule) -> Quality:
        """What a booster of these parameters makes of the fold, fitted as training fits it."""
        targets = targets_of(self.learnt, rule, params)
        booster = fit(self.learnt_vectors, targets, params)
        return quality(scored(self.judged, predict(booster, self.judged_vectors).tolist()))


def folds_of(
    block: Sequence[Example], rule: LabelRule, *, params: TrainParams, history: HistorySource
) -> tuple[Fold, ...]:
    """The second half of a block in `FOLDS` parts, each judged after learning from all before it.

    A vocabulary is fitted on what the fold learns from and pruned once, by trees of `params`. Metadata statements are
    not judged: a rule decides them. Raises `TrainingError` where a part lacks a class.
    """
    cuts = [round(len(block) * (1 + part / FOLDS) / 2) for part in range(FOLDS + 1)]
    parts = [(block[:start], _judged(block[start:end])) for start, end in pairwise(cuts)]
    for number, (learnt, judged) in enumerate(parts, start=1):
        check_classes(f"learning part of fold {number}", learnt)
        check_classes(f"judged part of fold {number}", judged)
    return tuple(_fold(learnt, judged, rule, params=params, history=history) for learnt, judged in parts)


def judge(
    folds: Sequence[Fold], params: TrainParams, *, rule: LabelRule, stopped: Callable[[], bool]
) -> tuple[Quality, ...] | None:
    """What every fold says of the parameters; None where it was stopped between two of them."""
    found: list[Quality] = []
    for fold in folds:
        if stopped():
            return None
        found.append(fold.quality(params, rule))
    return tuple(found)


def quality(rows: Scored) -> Quality:
    """The false positive rate at the highest score that catches `CAUGHT` of the heavy units, and the log-loss."""
    units = np.sort(rows.heavy_units().score)
    threshold = units[int(len(units) * (1 - CAUGHT))]
    probability = rows.score.clip(_CERTAIN, 1 - _CERTAIN)
    losses = -np.log(np.where(rows.heavy, probability, 1 - probability))
    return Quality(float((rows.score[~rows.heavy] >= threshold).mean()), float(losses.mean()))


def _judged(block: Sequence[Example]) -> list[Example]:
    return [example for example in block if example.statement.kind is not StatementKind.METADATA]


def _fold(
    learnt: Sequence[Example],
    judged: Sequence[Example],
    rule: LabelRule,
    *,
    params: TrainParams,
    history: HistorySource,
) -> Fold:
    prepared = prepare(learnt, rule, params, history=history)
    return Fold(
        learnt=learnt,
        learnt_vectors=prepared.vectors,
        judged=judged,
        judged_vectors=matrix(judged, prepared.vocabulary, history),
    )
