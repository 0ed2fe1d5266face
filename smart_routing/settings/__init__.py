"""Settings, one class per component, read from SMART_ROUTING_<COMPONENT>_<NAME>; all are in docs/configuration.md."""

from typing import Final

from smart_routing.settings.alerts import AlertSettings, WatchSettings
from smart_routing.settings.base import OUTSIDE, PREFIX, Settings
from smart_routing.settings.models import DeploymentSettings, FeatureSettings, RegistrySettings
from smart_routing.settings.monitoring import ExplainSettings, ExporterSettings, MonitoringSettings
from smart_routing.settings.query_log import CollectorSettings, QueryLogSettings, S3Settings
from smart_routing.settings.reload import ReloadSettings
from smart_routing.settings.retention import RetentionSettings
from smart_routing.settings.serving import HistorySettings, KnownHeavySettings, ServingSettings

__all__ = [
    "ALL_SETTINGS",
    "OUTSIDE",
    "PREFIX",
    "AlertSettings",
    "CollectorSettings",
    "DeploymentSettings",
    "ExplainSettings",
    "ExporterSettings",
    "FeatureSettings",
    "HistorySettings",
    "KnownHeavySettings",
    "MonitoringSettings",
    "QueryLogSettings",
    "RegistrySettings",
    "ReloadSettings",
    "RetentionSettings",
    "S3Settings",
    "ServingSettings",
    "Settings",
    "WatchSettings",
]

ALL_SETTINGS: Final[tuple[type[Settings], ...]] = (
    RegistrySettings,
    DeploymentSettings,
    QueryLogSettings,
    FeatureSettings,
    S3Settings,
    ServingSettings,
    ReloadSettings,
    MonitoringSettings,
    AlertSettings,
    WatchSettings,
    ExplainSettings,
    ExporterSettings,
    RetentionSettings,
    KnownHeavySettings,
    HistorySettings,
    CollectorSettings,
)
