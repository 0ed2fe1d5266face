"""Bundles on S3: a versioned path such as s3://bucket/prefix/models/v1.2.0/."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from smart_routing.errors import BundleError, RegistryError, SettingsError
from smart_routing.s3_errors import client_error, core_error
from smart_routing.sources.source import FILES, MANIFEST_DIGEST, BundleRef, parse_digest, version_of

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

SCHEME: Final = "s3://"
_ABSENT: Final = frozenset({"NoSuchKey", "404"})


class S3Source:
    """A folder on S3 with `manifest.sha256` beside the manifest; its last name is the version."""

    def __init__(self, url: str, s3: "S3Client") -> None:
        """Raises `SettingsError` for a URL without a bucket or a folder."""
        bucket, _, key = url.removeprefix(SCHEME).strip("/").partition("/")
        if not bucket or not key:
            raise SettingsError(f"model source {url} names no folder: expected s3://bucket/prefix/models/v1.2.0/")
        self._url = f"{SCHEME}{bucket}/{key}"
        self._s3 = s3

    def resolve(self) -> BundleRef:
        digest = parse_digest(read_object(self._s3, f"{self._url}/{MANIFEST_DIGEST}"))
        version = version_of(self._url.rpartition("/")[2])
        return BundleRef(version=version, manifest_sha256=digest, location=self._url)

    def download(self, ref: BundleRef, folder: Path) -> None:
        download_folder(self._s3, ref.location, folder)

    def report_served(self, ref: BundleRef, *, at: datetime) -> None:
        """A versioned path keeps no record."""


def download_folder(s3: "S3Client", url: str, folder: Path) -> None:
    """Every file of a bundle below `url`; raises `BundleError` for a missing one, `RegistryError` where S3 fails."""
    for name in FILES:
        (folder / name).write_bytes(read_object(s3, f"{url}/{name}"))


def read_object(s3: "S3Client", url: str) -> bytes:
    """Raises `BundleError` where there is no such object, `RegistryError` where S3 cannot be asked."""
    bucket, _, key = url.removeprefix(SCHEME).partition("/")
    try:
        return s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    except client_error() as error:
        if error.response.get("Error", {}).get("Code") in _ABSENT:
            raise BundleError(f"{url} does not exist") from error
        raise RegistryError(f"{url} cannot be read: {' '.join(str(error).split())}") from error
    except core_error() as error:
        raise RegistryError(f"{url} cannot be read: {' '.join(str(error).split())}") from error
