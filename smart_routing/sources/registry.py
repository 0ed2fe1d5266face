"""Bundles in the MLflow registry, by its REST API alone: importing mlflow would cost 1.5 s and 171 MB a worker."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.parse import quote, unquote, urlsplit

import httpx

from smart_routing.bundle import read_bundle_file
from smart_routing.errors import BundleError, RegistryError, SettingsError, UnknownModelVersionError
from smart_routing.protocol import BUNDLE_ARTIFACT_PATH, TAG_MANIFEST_SHA256, TAG_QUARANTINED, TAG_SERVED_AT
from smart_routing.sources.s3 import SCHEME as S3_SCHEME
from smart_routing.sources.s3 import download_folder
from smart_routing.sources.source import FILES, BundleRef

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

TIMEOUT: Final = httpx.Timeout(10.0, connect=2.0)
SCHEME: Final = "models:/"

_NAME: Final = re.compile(r"models:/+(?P<name>[^/@]+)(?:@(?P<alias>[^/@]+)|/(?P<version>\d+))")
_API: Final = "/api/2.0/mlflow"
_PROXIED: Final = "mlflow-artifacts"
_ABSENT: Final = frozenset({"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"})
"""What MLflow answers for an unknown model or version, and for an unknown alias."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisteredName:
    """`models:/name@alias`, which moves, or `models:/name/7`, which does not."""

    name: str
    alias: str | None = None
    version: str | None = None

    @classmethod
    def parse(cls, url: str) -> Self:
        """Raises `SettingsError` for anything else."""
        found = _NAME.fullmatch(url)
        if not found:
            raise SettingsError(f"model source is {url}: expected models:/name@alias or models:/name/7")
        return cls(**found.groupdict())


class RegistrySource:
    """A registered model's alias or pinned version; the bundle lies among the artifacts of the version's run."""

    def __init__(self, url: str, http: httpx.Client, *, s3: "Callable[[], S3Client]") -> None:
        """`http` has the registry as its base URL; `s3` makes a client, should the artifacts turn out to lie there."""
        self._url = url
        self._wanted = RegisteredName.parse(url)
        self._http = http
        self._s3 = s3

    def resolve(self) -> BundleRef:
        version = self._version()
        number, tags = str(version["version"]), _tags(version)
        if TAG_MANIFEST_SHA256 not in tags:
            raise BundleError(f"{self._url}: version {number} has no tag {TAG_MANIFEST_SHA256}")
        return BundleRef(
            version=number,
            manifest_sha256=tags[TAG_MANIFEST_SHA256],
            location=f"runs:/{version.get('run_id', '')}/{BUNDLE_ARTIFACT_PATH}",
            quarantined=tags.get(TAG_QUARANTINED) or ("no reason given" if TAG_QUARANTINED in tags else None),
        )

    def download(self, ref: BundleRef, folder: Path) -> None:
        run_id = ref.location.split("/")[1]
        run = self._get(f"{_API}/runs/get", run_id=run_id)["run"]
        root = f"{run['info']['artifact_uri'].rstrip('/')}/{BUNDLE_ARTIFACT_PATH}"
        parts = urlsplit(root)
        if parts.scheme == _PROXIED:
            self._download_proxied(parts.path, folder)
        elif root.startswith(S3_SCHEME):
            download_folder(self._s3(), root, folder)
        elif parts.scheme in ("", "file"):
            _copy(Path(unquote(parts.path) if parts.scheme else root), folder)
        else:
            raise RegistryError(f"artifacts of run {run_id} are at {parts.scheme}: expected a proxy, s3 or a folder")

    def report_served(self, ref: BundleRef, *, at: datetime) -> None:
        """Tag the version: an alias has no history, and a rollback must know what really served."""
        moment = at.astimezone(UTC).isoformat(timespec="microseconds")
        tag = {"name": self._wanted.name, "version": ref.version, "key": TAG_SERVED_AT, "value": moment}
        try:
            reply = self._http.post(f"{_API}/model-versions/set-tag", json=tag)
        except httpx.HTTPError as error:
            raise RegistryError(f"registry cannot be told that version {ref.version} serves: {error!r}") from error
        if not reply.is_success:
            raise RegistryError(f"registry answers {reply.status_code} to the tag {TAG_SERVED_AT} of {ref.version}")

    def _version(self) -> Mapping[str, Any]:
        """The registry's record of the wanted version."""
        name, alias = self._wanted.name, self._wanted.alias
        if alias is None:
            return self._record("model-versions/get", name=name, version=self._wanted.version or "")
        try:
            return self._record("registered-models/alias", name=name, alias=alias)
        except UnknownModelVersionError:
            number = self._number_of(alias)
        return self._record("model-versions/get", name=name, version=number)

    def _number_of(self, alias: str) -> str:
        """The version under an alias that differs from the wanted one in case only, as people type it into the UI."""
        model = self._get(f"{_API}/registered-models/get", name=self._wanted.name)["registered_model"]
        for entry in model.get("aliases", ()):
            if entry["alias"].casefold() == alias.casefold():
                return str(entry["version"])
        raise UnknownModelVersionError(f"{self._url}: no version has the alias {alias}")

    def _record(self, method: str, **parameters: str) -> Mapping[str, Any]:
        record: Mapping[str, Any] = self._get(f"{_API}/{method}", **parameters)["model_version"]
        return record

    def _get(self, path: str, **parameters: str) -> Mapping[str, Any]:
        """Raises `UnknownModelVersionError` for what MLflow does not have, `RegistryError` where it cannot be asked."""
        try:
            reply = self._http.get(path, params=parameters)
            document: Mapping[str, Any] = reply.json()
        except (httpx.HTTPError, ValueError) as error:
            raise RegistryError(f"registry cannot be asked for {self._url}: {error!r}") from error
        if reply.is_success:
            return document
        code = document.get("error_code", "")
        if code in _ABSENT:
            raise UnknownModelVersionError(f"{self._url}: the registry has no such model, version or run ({code})")
        raise RegistryError(f"registry answers {reply.status_code} {code} for {self._url}")

    def _download_proxied(self, root: str, folder: Path) -> None:
        for name in FILES:
            path = quote(f"{root.strip('/')}/{name}")
            self._stream(f"/api/2.0/mlflow-artifacts/artifacts/{path}", folder / name)

    def _stream(self, path: str, target: Path) -> None:
        try:
            with self._http.stream("GET", path) as reply, target.open("wb") as file:
                for chunk in reply.iter_bytes():
                    file.write(chunk)
        except httpx.HTTPError as error:
            raise RegistryError(f"artifact {target.name} of {self._url} cannot be read: {error!r}") from error
        if reply.status_code == httpx.codes.NOT_FOUND:
            raise BundleError(f"bundle file {target.name} of {self._url} does not exist")
        if not reply.is_success:
            raise RegistryError(f"registry answers {reply.status_code} for artifact {target.name} of {self._url}")


def _tags(version: Mapping[str, Any]) -> dict[str, str]:
    return {tag["key"]: tag.get("value", "") for tag in version.get("tags", ())}


def _copy(source: Path, folder: Path) -> None:
    for name in FILES:
        (folder / name).write_bytes(read_bundle_file(source, name))
