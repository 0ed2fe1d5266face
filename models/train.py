"""Training: the vector matrix, XGBoost with early stopping at the end of the training block, and the pruned refit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import xgboost as xgb
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from models.dataset import Example
from models.vocabulary import VocabularyParams, fit_vocabulary
from smart_routing.features.vector import column_names, featurize
from smart_routing.features.vocabulary import Vocabulary
from smart_routing.toml_file import read_toml

PARAMS_FILE: Final = Path(__file__).with_name("params.toml")

_FIXED: Final = {
    "objective": "binary:logistic",  # log-loss without re-weighting: calibration survives, the threshold does the work
    "eval_metric": "logloss",
    "tree_method": "hist",
    "nthread": 2,  # a fixed number: sums of floats, and so the bytes, depend on how rows are shared out
    "verbosity": 0,
}


class BoosterParams(BaseModel):
    """XGBoost's own names and meanings."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    max_depth: int = Field(gt=0)
    eta: float = Field(gt=0, le=1)
    subsample: float = Field(gt=0, le=1)
    colsample_bytree: float = Field(gt=0, le=1)
    min_child_weight: float = Field(ge=0)
    reg_lambda: float = Field(ge=0)
    max_bin: int = Field(ge=2)


class RoundsParams(BaseModel):
    """Early stopping: at most `most` rounds, `patience` without progress on the last `watched_share` of the block."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    most: int = Field(gt=0)
    patience: int = Field(gt=0)
    watched_share: float = Field(gt=0, lt=1)


class TrainParams(BaseModel):
    """The whole of params.toml, and the seed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    vocabulary: VocabularyParams
    booster: BoosterParams
    rounds: RoundsParams
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Trained:
    """A booster and the vocabulary its columns stand for. `gain` maps column names to total gain, largest first."""

    booster: xgb.Booster
    vocabulary: Vocabulary
    terms_fitted: int
    rounds: int
    gain: Mapping[str, float]


def read_params(path: Path = PARAMS_FILE, *, seed: int = 0) -> TrainParams:
    """Parameters of a TOML file; raises `SettingsError` that names the file and the key."""
    return read_toml(path, TrainParams, seed=seed)


def train(examples: Sequence[Example], params: TrainParams) -> Trained:
    """Fit on all n-grams, keep the columns that trees use, and fit again on those alone.

    Same examples, parameters and lock give the same bytes.
    """
    whole = fit_vocabulary(examples, params.vocabulary)
    vocabulary = whole.pruned(gain(_search(examples, whole, params), whole))
    rounds = _search(examples, vocabulary, params).best_iteration + 1
    booster = xgb.train(_settings(params), _dmatrix(examples, vocabulary), rounds)
    return Trained(booster, vocabulary, len(whole.idf), rounds, gain(booster, vocabulary))


def matrix(examples: Sequence[Example], vocabulary: Vocabulary) -> NDArray[np.float32]:
    """Vectors of the examples, shape (n, features)."""
    return np.stack([featurize(e.request, vocabulary=vocabulary, statement=e.statement) for e in examples])


def labels(examples: Sequence[Example]) -> NDArray[np.bool_]:
    """True where heavy, shape (n,)."""
    return np.array([example.heavy for example in examples])


def predict(booster: xgb.Booster, features: NDArray[np.float32]) -> NDArray[np.float32]:
    """P(heavy) of each row by XGBoost itself, shape (n,)."""
    probabilities: NDArray[np.float32] = booster.predict(xgb.DMatrix(features))
    return probabilities


def gain(booster: xgb.Booster, vocabulary: Vocabulary) -> dict[str, float]:
    """Total gain of every column that a tree splits on, largest first."""
    names = column_names(vocabulary)
    scores = booster.get_score(importance_type="total_gain")
    named = {names[int(place.removeprefix("f"))]: float(str(score)) for place, score in scores.items()}
    return dict(sorted(named.items(), key=lambda pair: (-pair[1], pair[0])))


def _search(examples: Sequence[Example], vocabulary: Vocabulary, params: TrainParams) -> xgb.Booster:
    """A booster that has not seen the end of the block, on which early stopping chose its `best_iteration`."""
    watched = round(len(examples) * (1 - params.rounds.watched_share))
    return xgb.train(
        _settings(params),
        _dmatrix(examples[:watched], vocabulary),
        params.rounds.most,
        evals=[(_dmatrix(examples[watched:], vocabulary), "watched")],
        early_stopping_rounds=params.rounds.patience,
        verbose_eval=False,
    )


def _dmatrix(examples: Sequence[Example], vocabulary: Vocabulary) -> xgb.DMatrix:
    return xgb.DMatrix(matrix(examples, vocabulary), labels(examples).astype(np.float32))


def _settings(params: TrainParams) -> dict[str, object]:
    return {**_FIXED, **params.booster.model_dump(), "seed": params.seed}
