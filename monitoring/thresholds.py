"""`DriftThresholds`: the content of drift.toml."""

from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, Field, model_validator

from monitoring.signals import Tier
from smart_routing.toml_file import read_toml

THRESHOLDS_FILE: Final = Path(__file__).with_name("drift.toml")


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class NewShares(_Table):
    """Rise of the share of statements with a name that the reference has not, by kind of name."""

    tenant: float = Field(gt=0, lt=1)
    source: float = Field(gt=0, lt=1)
    user: float = Field(gt=0, lt=1)
    template: float = Field(gt=0, lt=1)


class Windows(_Table):
    """How many windows are looked at, and the hours of one."""

    count: int = Field(gt=0, le=100)
    hours: int = Field(gt=0, le=24 * 7)


class Persistence(_Table):
    """A signal counts where it spoke in `k` of the last `n` windows that could tell, the newest among the k."""

    k: int = Field(gt=0)
    n: int = Field(gt=0)

    @model_validator(mode="after")
    def _k_of_n(self) -> "Persistence":
        if self.k > self.n:
            raise ValueError(f"k is {self.k} of n {self.n}: expected at most n")
        return self


class Page(_Table):
    """What Evidently is given to draw."""

    columns: int = Field(gt=0)
    rows: int = Field(gt=0)


class DriftThresholds(_Table):
    """When a window counts as different; drift.toml says what each number means."""

    min_rows: int = Field(gt=0)
    psi: float = Field(gt=0)
    odds_ratio: float = Field(gt=1)
    bad_share: float = Field(gt=0, lt=1)
    fallback_share: float = Field(gt=0, lt=1)
    false_discovery_rate: float = Field(gt=0, lt=1)
    features: int = Field(gt=0)
    tenants: int = Field(gt=0)
    new_share: NewShares
    long: Windows
    short: Windows
    persistence: dict[Tier, Persistence]
    page: Page

    @model_validator(mode="after")
    def _every_tier(self) -> "DriftThresholds":
        if missing := [tier.value for tier in Tier if tier not in self.persistence]:
            raise ValueError(f"persistence has no {', '.join(missing)}: expected every tier")
        return self


def read_thresholds(path: Path = THRESHOLDS_FILE) -> DriftThresholds:
    """The thresholds of a TOML file; raises `SettingsError` that names the file and the key."""
    return read_toml(path, DriftThresholds)
