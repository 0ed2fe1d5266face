"""Settings of what looks at versions at work."""

from pathlib import Path

from pydantic import Field, field_validator
from pydantic_settings import SettingsConfigDict

from smart_routing.settings.base import PREFIX, Settings


class MonitoringSettings(Settings):
    """Where reports about a version at work are kept."""

    model_config = SettingsConfigDict(env_prefix=f"{PREFIX}MONITORING_")

    reports: Path = Field(Path("var/reports"), description="Folder of reports, and of their figures for Prometheus.")
    workspace: str | None = Field(
        None, description="Evidently's workspace, a folder or http(s)://; without one `workspace` below the reports."
    )


class ExplainSettings(Settings):
    """The port that explains decisions: who may ask, and how far it looks back for similar statements."""

    model_config = SettingsConfigDict(env_prefix=f"{PREFIX}EXPLAIN_")

    host: str = Field("127.0.0.1", description="Address under `python -m monitoring.explain`.")
    port: int = Field(8091, ge=0, le=65535, description="Port under `python -m monitoring.explain`.")
    token_file: Path | None = Field(
        None, description="File with the bearer token of explanations; without one only loopback is answered."
    )
    state_dir: Path = Field(Path("var/explain"), description="Folder for the bundles that explanations read.")
    look_seconds: float = Field(
        2.0, ge=0, le=3600, description="Seconds before what routers decide by is looked at again."
    )
    past_days: float = Field(7.0, gt=0, le=366, description="Days of the query log searched for similar statements.")
    past_statements: int = Field(
        100_000, ge=1, description="Statements of the query log that one such search reads, the latest days first."
    )

    @field_validator("token_file", mode="before")
    @classmethod
    def _empty_is_none(cls, value: object) -> object:
        return None if value == "" else value


class ExporterSettings(Settings):
    """The port at which Prometheus finds the figures of reports."""

    model_config = SettingsConfigDict(env_prefix=f"{PREFIX}EXPORTER_")

    host: str = Field("127.0.0.1", description="Address under `python -m monitoring.exporter`.")
    port: int = Field(8092, ge=0, le=65535, description="Port under `python -m monitoring.exporter`.")
    token_file: Path | None = Field(
        None, description="File with the bearer token of these figures; without one only loopback is answered."
    )

    @field_validator("token_file", mode="before")
    @classmethod
    def _empty_is_none(cls, value: object) -> object:
        return None if value == "" else value
