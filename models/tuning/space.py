"""What a tuner may change: parameters by their names in params.toml, each within limits."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from optuna.distributions import BaseDistribution, FloatDistribution, IntDistribution

from models.params import TrainParams

Point = Mapping[str, float]
"""A value for every parameter of `SPACE`, by its name."""

_DIGITS: Final = 3
"""That a value keeps: more say nothing, and people read the file."""


@dataclass(frozen=True, slots=True)
class Range:
    """Limits of `section.key`, both included; drawn evenly over its logarithm where `by_factors`."""

    name: str
    low: float
    high: float
    whole: bool = False
    by_factors: bool = False

    def distribution(self, current: float) -> BaseDistribution:
        """The limits, wider where the current value lies beyond them."""
        low, high = min(self.low, current), max(self.high, current)
        if self.whole:
            return IntDistribution(int(low), int(high), log=self.by_factors)
        return FloatDistribution(low, high, log=self.by_factors)


SPACE: Final = (
    Range("booster.max_depth", 3, 10, whole=True),
    Range("booster.eta", 0.02, 0.3, by_factors=True),
    Range("booster.subsample", 0.4, 1.0),
    Range("booster.colsample_bytree", 0.1, 1.0),
    Range("booster.min_child_weight", 0.0, 15.0),
    Range("booster.reg_lambda", 0.3, 50.0, by_factors=True),
    Range("booster.max_bin", 32, 512, whole=True, by_factors=True),
    Range("labels.softness", 0.1, 3.0, by_factors=True),
    Range("labels.prior_runs", 0.3, 30.0, by_factors=True),
    Range("rounds.patience", 20, 100, whole=True),
    Range("rounds.watched_share", 0.1, 0.35),
)
"""Not `rounds.most`, which early stopping is not to reach, nor the vocabulary, whose vectors would be made anew."""


def point_of(params: TrainParams) -> dict[str, float]:
    """Where the parameters lie."""
    sections = params.model_dump()
    return {found.name: _look_up(sections, found.name) for found in SPACE}


def params_at(point: Point, current: TrainParams) -> TrainParams:
    """The current parameters with the values of a point, to three digits."""
    sections = current.model_dump()
    for found in SPACE:
        section, key = found.name.split(".")
        value = point[found.name]
        sections[section][key] = int(value) if found.whole else float(f"{value:.{_DIGITS}g}")
    return TrainParams(**sections)


def _look_up(sections: Mapping[str, Any], name: str) -> float:
    section, key = name.split(".")
    value: float = sections[section][key]
    return value
