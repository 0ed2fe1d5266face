"""The search: proposals by a tree-structured Parzen estimator, the current parameters first."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final, Self

import optuna
from optuna.samplers import TPESampler

from models.params import TrainParams
from models.tuning.folds import Quality
from models.tuning.space import SPACE, params_at, point_of

_TIE: Final = 1e-6
"""What a unit of log-loss weighs against the false positive rate, for a sampler that wants one number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """Parameters and what the folds said of them, one by one and on average. Number 0 has the current parameters."""

    number: int
    params: TrainParams
    folds: tuple[Quality, ...]

    @property
    def quality(self) -> Quality:
        return Quality.mean(self.folds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The trial of the current parameters, the best one, which may be the same, and how many there were."""

    current: Trial
    best: Trial
    trials: int = 1

    def with_trial(self, trial: Trial) -> Self:
        best = trial if trial.quality < self.best.quality else self.best
        return replace(self, best=best, trials=self.trials + 1)

    @property
    def improved(self) -> bool:
        return self.best.number != self.current.number

    def as_json(self) -> dict[str, Any]:
        return {
            "trials": self.trials,
            "current": self.current.quality.as_json(),
            "best": {"trial": self.best.number, **self.best.quality.as_json(), "params": point_of(self.best.params)},
            "improved": self.improved,
        }

    def __str__(self) -> str:
        current = f"current parameters: {self.current.quality}"
        best = f"best of {self.trials} trials, number {self.best.number}: {self.best.quality}"
        return (
            f"{current}; {best}" if self.improved else f"{current}; none of {self.trials - 1} other trials was better"
        )


def trials(
    current: TrainParams, judge: Callable[[TrainParams], tuple[Quality, ...] | None], *, seed: int
) -> Iterator[Trial]:
    """One trial after another until `judge` gives None; the same seed and the same judgements give the same ones."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(sampler=TPESampler(seed=seed))
    here = point_of(current)
    space = {found.name: found.distribution(here[found.name]) for found in SPACE}
    study.enqueue_trial(here)
    while True:
        asked = study.ask(space)
        params = params_at(asked.params, current) if asked.number else current
        folds = judge(params)
        if folds is None:
            return
        trial = Trial(number=asked.number, params=params, folds=folds)
        study.tell(asked, trial.quality.false_positive_rate + _TIE * trial.quality.log_loss)
        yield trial
