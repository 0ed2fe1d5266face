"""Which source of bundles a setting means."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

from smart_routing.errors import SettingsError
from smart_routing.logs import redact
from smart_routing.settings import RegistrySettings, ServingSettings
from smart_routing.sources.registry import SCHEME as REGISTRY_SCHEME
from smart_routing.sources.registry import TIMEOUT, RegistrySource
from smart_routing.sources.s3 import SCHEME as S3_SCHEME
from smart_routing.sources.s3 import S3Source
from smart_routing.sources.source import FolderSource, ModelSource

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def open_source(url: str, connect_s3: "Callable[[], S3Client]") -> ModelSource:
    """The source at models:/name@alias, s3://bucket/prefix or a folder; raises `SettingsError`."""
    if url.startswith(S3_SCHEME):
        return S3Source(url, connect_s3())
    if not url.startswith(REGISTRY_SCHEME):
        return FolderSource(Path(url))
    uri = RegistrySettings.load().uri
    if not uri.startswith(("http://", "https://")):
        raise SettingsError(
            f"{RegistrySettings.variable('uri')} is {redact(uri)}: the router reads the registry over http(s)://; "
            f"or set {ServingSettings.variable('source')} to a folder or s3://"
        )
    is_encrypted = uri.startswith("https://")  # else the certificates that nobody asks for take 5 MB and 20 ms
    return RegistrySource(url, httpx.Client(base_url=uri, timeout=TIMEOUT, verify=is_encrypted), s3=connect_s3)
