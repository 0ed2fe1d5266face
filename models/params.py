"""Parameters of training: the content of params.toml, where each is explained."""

from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, Field

from models.vocabulary import VocabularyParams
from smart_routing.toml_file import read_toml

PARAMS_FILE: Final = Path(__file__).with_name("params.toml")


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


class LabelParams(BaseModel):
    """How firmly a label is believed, see `soft_labels`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    softness: float = Field(gt=0)
    prior_runs: float = Field(gt=0)


class RowsParams(BaseModel):
    """Of a longer training block the trees and the vocabulary see `most` rows, evenly spaced in time."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    most: int = Field(50_000, gt=0)


class TrainParams(BaseModel):
    """The whole of params.toml, and the seed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    vocabulary: VocabularyParams
    booster: BoosterParams
    rounds: RoundsParams
    labels: LabelParams
    rows: RowsParams = RowsParams()
    seed: int = 0


def read_params(path: Path = PARAMS_FILE, *, seed: int = 0) -> TrainParams:
    """Parameters of a TOML file; raises `SettingsError` that names the file and the key."""
    return read_toml(path, TrainParams, seed=seed)
