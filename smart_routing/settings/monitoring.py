"""Settings of what looks at versions at work."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from smart_routing.settings.base import PREFIX, Settings


class MonitoringSettings(Settings):
    """Where reports about a version at work are kept."""

    model_config = SettingsConfigDict(env_prefix=f"{PREFIX}MONITORING_")

    reports: Path = Field(Path("var/reports"), description="Folder of drift reports, one folder each.")
