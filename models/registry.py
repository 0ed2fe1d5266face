"""The model registry: versions, aliases and tags of the one registered model, and its bundles in and out."""

import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, Self

from mlflow.entities.model_registry import ModelVersion as MlflowVersion
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_ALREADY_EXISTS, RESOURCE_DOES_NOT_EXIST, ErrorCode

from models.deployment import RecordServing, SetAlias, SetTag, Write
from models.mlmodel import save_mlmodel
from models.tracking import Tracking, answering
from models.trigger import Trigger
from models.versions import TAG_SERVING_VERSION, ModelVersion, RegisteredModel, ValidationStatus
from smart_routing import protocol
from smart_routing.bundle import Bundle, read_bundle
from smart_routing.errors import BundleError, RegistryError
from smart_routing.features.schema import SCHEMA_HASH
from smart_routing.inference import Model
from smart_routing.settings import RegistrySettings

MODEL_ARTIFACT_PATH: Final = "model"
"""Folder of a run's artifacts with MLflow's own form of the model: what the registry's pages show."""

READY_SECONDS: Final = 60
PAGE: Final = 1000
NO_CERTIFICATE: Final = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """Where a bundle comes from and what the gate said of it."""

    run_id: str
    dataset_digest: str
    git_commit: str
    calibrated_until: datetime
    validation_status: ValidationStatus = ValidationStatus.PENDING
    trigger: Trigger | None = None


@dataclass(frozen=True, slots=True)
class ModelRegistry:
    """The registered model `protocol.REGISTERED_MODEL`. Every call raises `RegistryError` where MLflow fails."""

    tracking: Tracking

    @classmethod
    def connect(cls, settings: RegistrySettings) -> Self:
        return cls(Tracking.connect(settings))

    def read(self) -> RegisteredModel:
        """All versions, aliases and the record of what serves; empty before the first registration."""
        client = self.tracking.client
        with answering(self.tracking.uri):
            try:
                model = client.get_registered_model(protocol.REGISTERED_MODEL)
            except MlflowException as error:
                if not _is(error, RESOURCE_DOES_NOT_EXIST):
                    raise
                return RegisteredModel()
            versions = [_version(found) for found in self._search()]
        recorded = model.tags.get(TAG_SERVING_VERSION)
        return RegisteredModel(
            versions=tuple(sorted(versions, key=lambda version: version.number)),
            aliases={alias: int(number) for alias, number in model.aliases.items()},
            recorded=int(recorded) if recorded else None,
        )

    def resolve(self, name: str | int) -> ModelVersion:
        """The version that a number or an alias (any case) stands for; raises `UnknownModelVersionError`."""
        return self.read().resolve(name)

    def write(self, writes: Iterable[Write]) -> None:
        """Carry out a decision's writes, in order."""
        with answering(self.tracking.uri):
            for write in writes:
                self._write(write)

    def set_alias(self, alias: str, number: int) -> None:
        self.write([SetAlias(alias, number)])

    def set_validation_status(self, number: int, status: ValidationStatus) -> None:
        self.write([SetTag(number, protocol.TAG_VALIDATION_STATUS, status)])

    def register_bundle(self, folder: Path, provenance: Provenance) -> ModelVersion:
        """Store a bundle byte for byte among its run's artifacts and make a version of it, READY and with all its tags.

        The bundle is verified and its golden rows are scored first, and what was stored is read back. Whatever fails,
        no version is left and the run is marked FAILED; raises `BundleError` or `RegistryError`.
        """
        try:
            bundle = read_bundle(folder)
            self._store(folder, bundle, run_id=provenance.run_id)
            return self._create(_tags(bundle, provenance), run_id=provenance.run_id)
        except BaseException:
            self.tracking.fail(provenance.run_id)
            raise

    def load(self, version: ModelVersion) -> Model:
        """A version's bundle, downloaded, verified and ready to score; raises `BundleError`."""
        with TemporaryDirectory() as scratch:
            folder = self._fetch(version.run_id, Path(scratch))
            return Model.load(_verified(folder, version), version=str(version.number))

    def download_bundle(self, version: ModelVersion, into: Path) -> Path:
        """Fetch a version's bundle below the folder `into` and verify it; returns the bundle's folder.

        Raises `BundleError` where it is not what the version's tag says.
        """
        folder = self._fetch(version.run_id, into)
        _verified(folder, version)
        return folder

    def _store(self, folder: Path, bundle: Bundle, *, run_id: str) -> None:
        with TemporaryDirectory() as scratch:
            save_mlmodel(Model.load(bundle, version="0"), Path(scratch) / MODEL_ARTIFACT_PATH)
            self.tracking.log_folder(run_id, Path(scratch) / MODEL_ARTIFACT_PATH, to=MODEL_ARTIFACT_PATH)
        self.tracking.log_folder(run_id, folder, to=protocol.BUNDLE_ARTIFACT_PATH)
        with TemporaryDirectory() as scratch:
            read_bundle(self._fetch(run_id, Path(scratch)), manifest_sha256=bundle.manifest_sha256)

    def _fetch(self, run_id: str, into: Path) -> Path:
        into.mkdir(parents=True, exist_ok=True)
        with answering(self.tracking.uri):
            folder = self.tracking.client.download_artifacts(run_id, protocol.BUNDLE_ARTIFACT_PATH, str(into))
        return Path(folder)

    def _create(self, tags: dict[str, str], *, run_id: str) -> ModelVersion:
        """A new version with its tags, made in one request."""
        self._ensure_model()
        # the place itself and not runs:/, which the server's own pages cannot follow
        source = f"{self.tracking.artifact_uri(run_id)}/{MODEL_ARTIFACT_PATH}"
        try:
            with answering(self.tracking.uri):
                created = self.tracking.client.create_model_version(
                    protocol.REGISTERED_MODEL,
                    source,
                    run_id,
                    tags=tags,
                    await_creation_for=READY_SECONDS,
                )
        except BaseException:
            self._withdraw(run_id)
            raise
        return replace(_version(created), tags=tags)

    def _withdraw(self, run_id: str) -> None:
        """Delete what a failed creation may have left; by its run, since the answer with the number may be lost."""
        with suppress(RegistryError), answering(self.tracking.uri):
            for found in self._search():
                if found.run_id == run_id:
                    self.tracking.client.delete_model_version(protocol.REGISTERED_MODEL, found.version)

    def _ensure_model(self) -> None:
        with answering(self.tracking.uri):
            try:
                self.tracking.client.create_registered_model(protocol.REGISTERED_MODEL)
            except MlflowException as error:
                if not _is(error, RESOURCE_ALREADY_EXISTS):
                    raise

    def _search(self) -> Iterator[MlflowVersion]:
        """All versions, page by page."""
        token: str | None = None
        while True:
            page = self.tracking.client.search_model_versions(
                f"name='{protocol.REGISTERED_MODEL}'", max_results=PAGE, page_token=token
            )
            yield from page
            token = page.token
            if not token:
                return

    def _write(self, write: Write) -> None:
        client, name = self.tracking.client, protocol.REGISTERED_MODEL
        match write:
            case SetAlias(alias, None):
                client.delete_registered_model_alias(name, alias)
            case SetAlias(alias, number):
                client.set_registered_model_alias(name, alias, str(number))
            case SetTag(number, key, None):
                client.delete_model_version_tag(name, str(number), key)
            case SetTag(number, key, value):
                client.set_model_version_tag(name, str(number), key, value)
            case RecordServing(number):
                client.set_registered_model_tag(name, TAG_SERVING_VERSION, str(number))


def _verified(folder: Path, version: ModelVersion) -> Bundle:
    """The bundle in a folder, if it is the one that the version's tag names."""
    if version.manifest_sha256 is None:
        raise BundleError(f"version {version.number} has no tag {protocol.TAG_MANIFEST_SHA256}: expected a sha256")
    return read_bundle(folder, manifest_sha256=version.manifest_sha256)


def _tags(bundle: Bundle, provenance: Provenance) -> dict[str, str]:
    certificate = bundle.threshold.certificate
    return {
        protocol.TAG_FEATURE_SCHEMA: SCHEMA_HASH,
        protocol.TAG_DATASET_DIGEST: provenance.dataset_digest,
        protocol.TAG_CALIBRATED_UNTIL: provenance.calibrated_until.isoformat(),
        protocol.TAG_GIT_COMMIT: provenance.git_commit,
        protocol.TAG_VALIDATION_STATUS: provenance.validation_status,
        protocol.TAG_CERTIFICATE: str(certificate) if certificate else NO_CERTIFICATE,
        protocol.TAG_LABEL_RULE: json.dumps(bundle.label_rule.as_json(), sort_keys=True),
        protocol.TAG_MANIFEST_SHA256: bundle.manifest_sha256,
        **(provenance.trigger.tags() if provenance.trigger else {}),
    }


def _version(found: MlflowVersion) -> ModelVersion:
    return ModelVersion(number=int(found.version), run_id=found.run_id or "", tags=dict(found.tags))


def _is(error: MlflowException, code: int) -> bool:
    return bool(error.error_code == ErrorCode.Name(code))
