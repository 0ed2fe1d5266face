"""The champion: the version that the alias `production` stands for, ready to score."""

from pathlib import Path
from tempfile import TemporaryDirectory

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.logging import get_run_logger

from models.registry import ModelRegistry
from models.versions import ModelVersion
from smart_routing import protocol
from smart_routing.bundle import read_bundle
from smart_routing.errors import BundleError
from smart_routing.inference import Model
from smart_routing.settings import RegistrySettings


@task(cache_policy=NO_CACHE)
def load_champion(*, besides: int | None = None) -> Model | None:
    """None before the first promotion, where the champion is `besides`, and where this code cannot score it."""
    registry = ModelRegistry.connect(RegistrySettings.load())
    number = registry.read().aliased(protocol.ALIAS_PRODUCTION)
    if number is None or number == besides:
        return None
    try:
        return load_version(registry, registry.resolve(number))
    except BundleError as error:
        get_run_logger().warning("champion %d cannot be compared: %s", number, error)
        return None


def load_version(registry: ModelRegistry, version: ModelVersion) -> Model:
    """A version's bundle, downloaded, verified and warmed; raises `BundleError` or `RegistryError`."""
    with TemporaryDirectory() as scratch:
        folder = registry.download_bundle(version, Path(scratch))
        bundle = read_bundle(folder, manifest_sha256=version.manifest_sha256)
    return Model.load(bundle, version=str(version.number))
