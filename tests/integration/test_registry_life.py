"""The registry's whole life on real MLflow servers: what is registered, promoted, clicked, rolled back and refused."""

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.models import get_model_info

from models import deployment
from models.deployment import Decision, Order
from models.registry import ModelRegistry
from models.tracking import Tracking
from models.versions import ModelVersion, RegisteredModel, ValidationStatus
from smart_routing import protocol
from smart_routing.bundle import CONTENT, MANIFEST, MODEL, write_bundle
from smart_routing.errors import BundleError, RegistryError, SettingsError, UnknownModelVersionError
from smart_routing.settings import RegistrySettings
from tests.bundles import JoinModel
from tests.registered import provenance

pytestmark = [
    pytest.mark.filterwarnings(
        "ignore:.*Any type hint is inferred as AnyType"
    ),  # MLflow's, when its pyfunc is imported
    pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy"),  # MLflow's tables under SQLAlchemy 2.1
]

START = datetime(2026, 3, 1, 12, tzinfo=UTC)

Register = Callable[..., ModelVersion]


@pytest.fixture
def registry(registry_server: str) -> ModelRegistry:
    return ModelRegistry.connect(RegistrySettings(uri=registry_server))


@pytest.fixture
def register(registry: ModelRegistry, tmp_path: Path) -> Register:
    """Registers a bundle of a model that differs by its threshold."""

    def one(threshold: float = 0.5, status: ValidationStatus = ValidationStatus.PASSED) -> ModelVersion:
        folder = tmp_path / f"bundle-{threshold}"
        write_bundle(folder, JoinModel(threshold=threshold).content())
        with registry.tracking.run("train") as run_id:
            return registry.register_bundle(folder, provenance(run_id, status))

    return one


def order(minute: int, reason: str | None = None) -> Order:
    return Order(by="ada", at=START + timedelta(minutes=minute), reason=reason)


def carry_out(registry: ModelRegistry, decide: Callable[[RegisteredModel], Decision]) -> RegisteredModel:
    decision = decide(registry.read())
    registry.write(decision.writes)
    found = registry.read()
    assert found.recorded == decision.deployment.serving
    return found


def promote(registry: ModelRegistry, number: int, minute: int) -> RegisteredModel:
    return carry_out(registry, lambda model: deployment.promote(model, number, order=order(minute)))


def click(registry: ModelRegistry, number: int, alias: str = "production") -> None:
    """What the registry's page does when someone moves an alias."""
    MlflowClient(registry.tracking.uri).set_registered_model_alias(protocol.REGISTERED_MODEL, alias, str(number))


def reconcile(registry: ModelRegistry, minute: int) -> RegisteredModel:
    return carry_out(registry, lambda model: deployment.reconcile(model, at=START + timedelta(minutes=minute)))


def test_two_promotions_by_click_then_rollback(registry: ModelRegistry, register: Register) -> None:
    first, second, third = (register(threshold).number for threshold in (0.3, 0.5, 0.7))
    registry.set_alias(protocol.ALIAS_STAGING, first)
    assert registry.resolve("Staging").number == first
    promote(registry, first, 0)
    click(registry, third, "Production")
    assert reconcile(registry, 1).aliases == {"staging": first, "production": third, "previous": first}
    click(registry, second)
    assert reconcile(registry, 2).aliases == {"staging": first, "production": second, "previous": third}
    model = carry_out(registry, lambda model: deployment.rollback(model, order=order(3, "misses")))
    assert model.aliases == {"staging": first, "production": third, "previous": first}
    assert model.version(second).quarantined == "misses"
    assert model.version(third).tags[protocol.TAG_PROMOTED_BY] == "ada"
    assert deployment.reconcile(model, at=START).writes == ()


def test_a_click_back_and_a_forced_return_from_quarantine(registry: ModelRegistry, register: Register) -> None:
    first, second = (register(threshold).number for threshold in (0.3, 0.5))
    promote(registry, first, 0)
    promote(registry, second, 1)
    click(registry, first)
    assert reconcile(registry, 2).aliases == {"production": first, "previous": second}
    carry_out(registry, lambda model: deployment.rollback(model, order=order(3)))
    model = carry_out(
        registry, lambda model: deployment.promote(model, first, order=order(4, "was not at fault"), force=True)
    )
    assert model.aliases == {"production": first, "previous": second}
    assert model.version(first).quarantined is None


def test_an_empty_registry_has_no_versions(registry: ModelRegistry) -> None:
    assert registry.read() == RegisteredModel()


def test_a_version_is_the_bundle_byte_for_byte(registry: ModelRegistry, register: Register, tmp_path: Path) -> None:
    version = register(0.5)
    folder = registry.download_bundle(registry.resolve(version.number), tmp_path / "download")
    built = tmp_path / "bundle-0.5"
    assert {name: (folder / name).read_bytes() for name in (*CONTENT, MANIFEST)} == {
        file.name: file.read_bytes() for file in built.iterdir()
    }


def test_a_version_says_where_it_comes_from(registry: ModelRegistry, register: Register) -> None:
    version = register(0.5, ValidationStatus.PENDING)
    registry.set_validation_status(version.number, ValidationStatus.FAILED)
    tags = registry.resolve(version.number).tags
    assert tags == {
        "feature_schema": version.tags["feature_schema"],
        "dataset_digest": "d1",
        "calibrated_until": "2026-10-05T00:00:00+00:00",
        "git_commit": "c1",
        "validation_status": "failed",
        "certificate": "FNR <= 5% at 95% confidence, from 60 heavy template-schema-days of which 0 may be missed",
        "label_rule": '{"cpu_seconds": 300.0, "memory_bytes": 10737418240}',
        "manifest_sha256": version.manifest_sha256,
    }


def test_the_pages_of_the_registry_show_signature_and_example(registry: ModelRegistry, register: Register) -> None:
    version = register(0.5)
    query = {"name": protocol.REGISTERED_MODEL, "version": str(version.number)}
    pages = f"{registry.tracking.uri}/model-versions/get-artifact"
    mlmodel = httpx.get(pages, params={**query, "path": "MLmodel"}).raise_for_status().text
    assert '"name": "features"' in mlmodel
    assert '"name": "probabilities"' in mlmodel
    example = httpx.get(pages, params={**query, "path": "input_example.json"}).raise_for_status()
    assert example.text.startswith('{"features":')


def test_a_version_loads_through_mlflow(
    registry: ModelRegistry, register: Register, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = register(0.5)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", registry.tracking.uri)
    signature = get_model_info(f"models:/{protocol.REGISTERED_MODEL}/{version.number}").signature
    assert signature is not None
    assert signature.inputs.input_names() == ["features"]


def test_an_altered_download_is_refused(registry: ModelRegistry, register: Register, tmp_path: Path) -> None:
    version = register(0.5)
    altered = tmp_path / MODEL
    content = bytearray((tmp_path / "bundle-0.5" / MODEL).read_bytes())
    content[100] ^= 1
    altered.write_bytes(content)
    registry.tracking.log_file(version.run_id, altered, to=protocol.BUNDLE_ARTIFACT_PATH)
    with pytest.raises(BundleError, match=r"^model\.onnx has sha256"):
        registry.download_bundle(version, tmp_path / "download")


def test_an_altered_bundle_is_not_registered(registry: ModelRegistry, tmp_path: Path) -> None:
    write_bundle(tmp_path / "bundle", JoinModel().content())
    (tmp_path / "bundle" / MODEL).write_bytes(b"not ONNX")
    with pytest.raises(BundleError, match=r"^model\.onnx has sha256"), registry.tracking.run("train") as run_id:
        registry.register_bundle(tmp_path / "bundle", provenance(run_id))
    assert registry.read() == RegisteredModel()
    assert registry.tracking.client.get_run(run_id).info.status == "FAILED"


def test_a_creation_whose_answer_is_lost_leaves_no_version(registry: ModelRegistry, tmp_path: Path) -> None:
    class LosesTheAnswer(MlflowClient):
        def create_model_version(self, *args: Any, **options: Any) -> Any:
            super().create_model_version(*args, **options)
            raise MlflowException("the connection broke")

    uri = registry.tracking.uri
    broken = ModelRegistry(Tracking(LosesTheAnswer(uri, uri), uri, "query-weight"))
    write_bundle(tmp_path / "bundle", JoinModel().content())
    with pytest.raises(RegistryError, match="the connection broke"), registry.tracking.run("train") as run_id:
        broken.register_bundle(tmp_path / "bundle", provenance(run_id))
    assert registry.read().versions == ()
    assert registry.tracking.client.get_run(run_id).info.status == "FAILED"


def test_names_without_a_version_are_told_in_one_line(registry: ModelRegistry, register: Register) -> None:
    number = register(0.5).number
    with pytest.raises(UnknownModelVersionError, match="alias 'production' has no version"):
        registry.resolve("production")
    with pytest.raises(UnknownModelVersionError, match=f"model version 99 does not exist: expected one of {number}$"):
        registry.resolve(99)


def test_one_machine_needs_no_server(tmp_path: Path) -> None:
    registry = ModelRegistry.connect(RegistrySettings(uri=f"sqlite:///{tmp_path}/var/mlflow.db"))
    write_bundle(tmp_path / "bundle", JoinModel().content())
    with registry.tracking.run("train") as run_id:
        version = registry.register_bundle(tmp_path / "bundle", provenance(run_id))
    promote(registry, version.number, 0)
    folder = registry.download_bundle(registry.resolve("production"), tmp_path / "download")
    assert (folder / MODEL).read_bytes() == (tmp_path / "bundle" / MODEL).read_bytes()
    assert (tmp_path / "var" / "artifacts" / run_id / "artifacts" / "bundle" / MANIFEST).is_file()


def test_an_unreachable_server_is_told_soon_and_in_one_line() -> None:
    registry = ModelRegistry.connect(RegistrySettings(uri="http://user:secret@127.0.0.1:9"))
    started = time.monotonic()
    shown = re.escape("registry http://[redacted]@127.0.0.1:9 cannot be reached: expected an MLflow server there")
    with pytest.raises(RegistryError, match=f"^{shown}$"):
        registry.read()
    assert time.monotonic() - started < 15


def test_a_database_that_is_none_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_text("this is not a database, and long enough to be seen as none")
    with pytest.raises(RegistryError, match=r"^registry sqlite:.*mlflow.db refuses: .*not a database"):
        ModelRegistry.connect(RegistrySettings(uri=f"sqlite:///{tmp_path}/mlflow.db")).read()


def test_an_address_of_no_known_kind_is_a_wrong_setting() -> None:
    with pytest.raises(SettingsError, match="SMART_ROUTING_REGISTRY_URI is 'mlruns': expected"):
        ModelRegistry.connect(RegistrySettings(uri="mlruns"))
