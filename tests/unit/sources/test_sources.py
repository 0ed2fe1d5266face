from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from smart_routing.bundle import read_bundle
from smart_routing.errors import BundleError, RegistryError, SettingsError, UnknownModelVersionError
from smart_routing.sources.registry import RegisteredName, RegistrySource
from smart_routing.sources.s3 import S3Source
from smart_routing.sources.source import (
    FILES,
    MANIFEST_DIGEST,
    BundleRef,
    FolderSource,
    ModelSource,
    parse_digest,
    version_of,
)
from tests.bundles import JoinModel

NAME = "query-weight-classifier"
ALIAS = f"models:/{NAME}@production"
DIGEST = "ab" * 32


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    JoinModel().publish(tmp_path / "v1.2.0")
    return tmp_path / "v1.2.0"


def fetch(source: ModelSource, target: Path) -> BundleRef:
    """Resolve and download as the reloader does; the bundle must verify."""
    ref = source.resolve()
    target.mkdir()
    source.download(ref, target)
    read_bundle(target, manifest_sha256=ref.manifest_sha256)
    return ref


def test_folder_gives_its_bundle(folder: Path, tmp_path: Path) -> None:
    assert fetch(FolderSource(folder), tmp_path / "target").version == "1.2.0"


def test_link_that_moves_is_another_version(folder: Path, tmp_path: Path) -> None:
    link = tmp_path / "current"
    link.symlink_to(folder.name)
    source = FolderSource(link)
    first = source.resolve()
    JoinModel(per_join=0.5).publish(tmp_path / "v1.3.0")
    link.unlink()
    link.symlink_to("v1.3.0")
    assert (first.version, source.resolve().version) == ("1.2.0", "1.3.0")


@pytest.mark.parametrize(
    ("content", "error"),
    [
        pytest.param(None, "manifest.sha256 cannot be read", id="missing"),
        pytest.param("", "expected 64 hex digits", id="empty"),
        pytest.param("../../etc/passwd", "expected 64 hex digits", id="path"),
    ],
)
def test_folder_needs_the_digest_of_its_manifest(folder: Path, content: str | None, error: str) -> None:
    (folder / MANIFEST_DIGEST).unlink()
    if content is not None:
        (folder / MANIFEST_DIGEST).write_text(content)
    with pytest.raises(BundleError, match=error):
        FolderSource(folder).resolve()


@pytest.mark.parametrize(
    "name",
    ["v13-\u65e5\u672c", "v14\nX-Evil: 1", "v 15", "v" + "1" * 101],
    ids=["foreign", "two-lines", "blank", "long"],
)
def test_folder_whose_name_is_no_version_is_refused(tmp_path: Path, name: str) -> None:
    JoinModel().publish(tmp_path / name)
    with pytest.raises(BundleError, match=r"version is .*: expected up to 100 of A-Z"):
        FolderSource(tmp_path / name).resolve()


def test_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(RegistryError, match="nowhere is not a folder"):
        FolderSource(tmp_path / "nowhere").resolve()


@pytest.mark.parametrize(("name", "version"), [("v1.2.0", "1.2.0"), ("7", "7"), ("vanilla", "vanilla")])
def test_version_is_the_name_without_its_v(name: str, version: str) -> None:
    assert version_of(name) == version


@pytest.mark.parametrize("content", [DIGEST, f"{DIGEST.upper()}\n", f"{DIGEST}  manifest.json\n"])
def test_digest_is_the_first_word(content: str) -> None:
    assert parse_digest(content.encode()) == DIGEST


@dataclass
class FakeS3:
    """Objects below s3://models/prefix are the files of a folder."""

    folder: Path
    error: Exception | None = None

    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803  # boto3's own names
        if self.error:
            raise self.error
        path = self.folder / Key.removeprefix("prefix/")
        if Bucket != "models" or not path.is_file():
            raise ClientError({"Error": {"Code": "NoSuchKey"}}, "GetObject")
        return {"Body": BytesIO(path.read_bytes())}


def s3_source(folder: Path, url: str = "s3://models/prefix/v1.2.0/", error: Exception | None = None) -> S3Source:
    return S3Source(url, FakeS3(folder.parent, error))  # type: ignore[arg-type]  # the one method that is used


def test_s3_gives_its_bundle(folder: Path, tmp_path: Path) -> None:
    ref = fetch(s3_source(folder), tmp_path / "target")
    assert (ref.version, ref.location) == ("1.2.0", "s3://models/prefix/v1.2.0")


@pytest.mark.parametrize("url", ["s3://", "s3://models", "s3://models/"])
def test_s3_address_needs_a_folder(folder: Path, url: str) -> None:
    with pytest.raises(SettingsError, match="names no folder"):
        s3_source(folder, url)


def test_s3_without_an_object_is_no_bundle(folder: Path) -> None:
    with pytest.raises(BundleError, match="does not exist"):
        s3_source(folder, "s3://models/prefix/v9").resolve()


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(ClientError({"Error": {"Code": "AccessDenied"}}, "GetObject"), id="denied"),
        pytest.param(EndpointConnectionError(endpoint_url="http://s3"), id="unreachable"),
    ],
)
def test_s3_that_fails_cannot_be_asked(folder: Path, error: Exception) -> None:
    with pytest.raises(RegistryError, match="cannot be read"):
        s3_source(folder, error=error).resolve()


class FakeRegistry:
    """MLflow's REST API as MLflow 3.17 answers: one model, whose versions' runs keep their bundles in `folder`."""

    def __init__(self, folder: Path, *, artifact_uri: str = "mlflow-artifacts:/1/run7/artifacts") -> None:
        self.folder = folder
        self.artifact_uri = artifact_uri
        self.aliases = {"production": "7"}
        self.tags = {"manifest_sha256": (folder / MANIFEST_DIGEST).read_text().split()[0]}
        self.asked: list[str] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path, query = request.url.path, dict(request.url.params)
        self.asked.append(path)
        artifacts = "/api/2.0/mlflow-artifacts/artifacts/1/run7/artifacts/bundle/"
        if path.startswith(artifacts):
            return self._artifact(path.removeprefix(artifacts))
        return self._method(path.removeprefix("/api/2.0/mlflow/"), query)

    def _method(self, method: str, query: dict[str, str]) -> httpx.Response:
        if method == "runs/get":
            return httpx.Response(200, json={"run": {"info": {"artifact_uri": self.artifact_uri}}})
        if query.get("name") != NAME:
            return httpx.Response(404, json={"error_code": "RESOURCE_DOES_NOT_EXIST"})
        if method == "registered-models/get":
            aliases = [{"alias": alias, "version": version} for alias, version in self.aliases.items()]
            return httpx.Response(200, json={"registered_model": {"name": NAME, "aliases": aliases}})
        number = self.aliases.get(query["alias"]) if method == "registered-models/alias" else query["version"]
        if number is None:
            return httpx.Response(400, json={"error_code": "INVALID_PARAMETER_VALUE"})
        if number != "7":
            return httpx.Response(404, json={"error_code": "RESOURCE_DOES_NOT_EXIST"})
        tags = [{"key": key, "value": value} for key, value in self.tags.items()]
        return httpx.Response(200, json={"model_version": {"version": "7", "run_id": "run7", "tags": tags}})

    def _artifact(self, name: str) -> httpx.Response:
        path = self.folder / name
        return httpx.Response(200, content=path.read_bytes()) if path.is_file() else httpx.Response(404)


def registry_source(registry: Callable[[httpx.Request], httpx.Response], url: str = ALIAS) -> RegistrySource:
    http = httpx.Client(transport=httpx.MockTransport(registry), base_url="http://registry")
    s3 = FakeS3(registry.folder.parent) if isinstance(registry, FakeRegistry) else None
    return RegistrySource(url, http, s3=lambda: s3)  # type: ignore[arg-type,return-value]  # the one method that is used


@pytest.mark.parametrize("url", [ALIAS, f"models:/{NAME}/7"])
def test_registry_gives_alias_and_pinned_version(folder: Path, tmp_path: Path, url: str) -> None:
    assert fetch(registry_source(FakeRegistry(folder), url), tmp_path / "target").version == "7"


@pytest.mark.parametrize("scheme", ["", "file://"])
def test_registry_gives_artifacts_of_a_folder(folder: Path, tmp_path: Path, scheme: str) -> None:
    (tmp_path / "bundle").symlink_to(folder.name)
    registry = FakeRegistry(folder, artifact_uri=f"{scheme}{tmp_path}")
    fetch(registry_source(registry), tmp_path / "target")


def test_registry_gives_artifacts_on_s3(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "bundle").symlink_to(folder.name)
    fetch(registry_source(FakeRegistry(folder, artifact_uri="s3://models/prefix")), tmp_path / "target")


def test_alias_is_found_in_any_case(folder: Path) -> None:
    registry = FakeRegistry(folder)
    registry.aliases = {"Production": "7"}
    assert registry_source(registry).resolve().version == "7"


def test_look_at_an_alias_is_one_request(folder: Path) -> None:
    registry = FakeRegistry(folder)
    registry_source(registry).resolve()
    assert registry.asked == ["/api/2.0/mlflow/registered-models/alias"]


@pytest.mark.parametrize(
    ("value", "reason"), [pytest.param("missed", "missed", id="reason"), pytest.param("", "no reason given", id="bare")]
)
def test_quarantine_is_told(folder: Path, value: str, reason: str) -> None:
    registry = FakeRegistry(folder)
    registry.tags["quarantined"] = value
    assert registry_source(registry).resolve().quarantined == reason


def test_version_without_a_manifest_tag_is_no_bundle(folder: Path) -> None:
    registry = FakeRegistry(folder)
    registry.tags = {}
    with pytest.raises(BundleError, match="version 7 has no tag manifest_sha256"):
        registry_source(registry).resolve()


@pytest.mark.parametrize(
    "url", [f"models:/{NAME}@nightly", f"models:/{NAME}/9", "models:/other@production", "models:/other/7"]
)
def test_what_the_registry_does_not_have_is_unknown(folder: Path, url: str) -> None:
    with pytest.raises(UnknownModelVersionError):
        registry_source(FakeRegistry(folder), url).resolve()


@pytest.mark.parametrize("name", FILES)
def test_missing_artifact_is_no_bundle(folder: Path, tmp_path: Path, name: str) -> None:
    source = registry_source(FakeRegistry(folder))
    (folder / name).unlink()
    with pytest.raises(BundleError, match=name):
        source.download(source.resolve(), tmp_path)


def refuse(_: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("refused")


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(refuse, id="down"),
        pytest.param(lambda _: httpx.Response(200, text="<html>"), id="no-json"),
        pytest.param(lambda _: httpx.Response(500, json={"error_code": "INTERNAL_ERROR"}), id="failing"),
        pytest.param(lambda _: httpx.Response(403, text="Invalid Host header"), id="host-not-allowed"),
    ],
)
def test_registry_that_fails_cannot_be_asked(answer: Callable[[httpx.Request], httpx.Response]) -> None:
    with pytest.raises(RegistryError):
        registry_source(answer).resolve()


@pytest.mark.parametrize("url", ["models:/", "models:/m", "models:/m@", "models:/m/latest", "models:/m@a/1", "m@a"])
def test_anything_but_alias_or_version_is_refused(url: str) -> None:
    with pytest.raises(SettingsError, match="expected models:/name@alias or models:/name/7"):
        RegisteredName.parse(url)
