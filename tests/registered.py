"""Versions of tests in the registry, and where they come from in its words."""

from datetime import UTC, datetime
from pathlib import Path

from models.registry import ModelRegistry, Provenance
from models.versions import ValidationStatus
from smart_routing.bundle import write_bundle
from tests.bundles import JoinModel


def provenance(run_id: str, status: ValidationStatus = ValidationStatus.PASSED) -> Provenance:
    """Of a version that no data made."""
    return Provenance(
        run_id=run_id,
        dataset_digest="d1",
        git_commit="c1",
        calibrated_until=datetime(2026, 10, 5, tzinfo=UTC),
        validation_status=status,
    )


def register(
    registry: ModelRegistry, folder: Path, threshold: float, status: ValidationStatus = ValidationStatus.PASSED
) -> str:
    """The number of a new version of the JOIN-counting model; `folder` gets its bundle."""
    write_bundle(folder, JoinModel(threshold=threshold).content())
    with registry.tracking.run("train") as run_id:
        return str(registry.register_bundle(folder, provenance(run_id, status)).number)
