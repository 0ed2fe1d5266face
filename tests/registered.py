"""Where the versions of tests come from, in the registry's words."""

from datetime import UTC, datetime

from models.registry import Provenance
from models.versions import ValidationStatus


def provenance(run_id: str, status: ValidationStatus = ValidationStatus.PASSED) -> Provenance:
    """Of a version that no data made."""
    return Provenance(
        run_id=run_id,
        dataset_digest="d1",
        git_commit="c1",
        calibrated_until=datetime(2026, 10, 5, tzinfo=UTC),
        validation_status=status,
    )
