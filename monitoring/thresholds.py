"""`DriftThresholds`: the content of drift.toml."""

from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, Field

from smart_routing.toml_file import read_toml

THRESHOLDS_FILE: Final = Path(__file__).with_name("drift.toml")


class NewShares(BaseModel):
    """Rise of the share of statements with a name that the reference has not, by kind of name."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    tenant: float = Field(gt=0, lt=1)
    source: float = Field(gt=0, lt=1)
    user: float = Field(gt=0, lt=1)
    template: float = Field(gt=0, lt=1)


class Page(BaseModel):
    """What Evidently is given to draw."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    columns: int = Field(gt=0)
    rows: int = Field(gt=0)


class DriftThresholds(BaseModel):
    """When a window counts as different; drift.toml says what each number means."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    min_rows: int = Field(gt=0)
    psi: float = Field(gt=0)
    chance: float = Field(gt=0, lt=1)
    odds_ratio: float = Field(gt=1)
    drift_share: float = Field(gt=0, le=1)
    new_share: NewShares
    page: Page


def read_thresholds(path: Path = THRESHOLDS_FILE) -> DriftThresholds:
    """The thresholds of a TOML file; raises `SettingsError` that names the file and the key."""
    return read_toml(path, DriftThresholds)
