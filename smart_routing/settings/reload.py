"""Settings of what guards a swap of the model or of the history snapshot."""

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from smart_routing.settings.base import PREFIX, Settings


class ReloadSettings(Settings):
    """What a new version must be like, what it may do to the decisions, and which versions stay in memory."""

    model_config = SettingsConfigDict(env_prefix=f"{PREFIX}RELOAD_")

    kept_versions: int = Field(
        4, ge=2, le=1000, description="Versions that X-Model-Version may name; the current and the previous always."
    )
    kept_bytes: int = Field(
        2**25,
        ge=0,
        description="Bytes of memory, about, that all versions kept may take; beyond them the longest unused go.",
    )
    max_decision_ms: float = Field(
        50.0,
        gt=0,
        description="Milliseconds of CPU for a decision (p99 of its golden rows) of a version that is taken.",
    )
    max_slowdown: float = Field(
        2.0, gt=1, description="Times the CPU of the version in force that a new one may take for a decision."
    )
    trip_decisions: int = Field(
        200, ge=20, le=4096, description="Fewest decisions after a swap that are judged together."
    )
    trip_seconds: float = Field(
        3.0, gt=0, description="Shortest time of decisions judged together; three times in a row undo a swap."
    )
    trip_heavy_rise: float = Field(
        0.3, gt=0, le=1, description="Rise of the heavy share on the same templates that undoes a swap; 1: none does."
    )
    trip_heavy_fall: float = Field(
        0.8,
        gt=0,
        le=1,
        description="Part of the heavy decisions, lost on the same templates, that undoes a swap; 1: none.",
    )
    trip_error_rise: float = Field(
        0.05, gt=0, le=1, description="Rise of the share of model_error and deadline that undoes a swap; 1: none does."
    )
