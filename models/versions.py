"""What the registry says of the model: versions with their tags, aliases, and the version on record as serving."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from smart_routing import protocol
from smart_routing.errors import UnknownModelVersionError
from smart_routing.labels import LabelRule

TAG_SERVING_VERSION: Final = "serving_version"
"""Tag of the registered model: the version that the last promote, rollback or reconcile left serving."""

TAG_PROMOTION_REASON: Final = "promotion_reason"


class ValidationStatus(StrEnum):
    """What the gate said of a version."""

    PENDING = "pending"
    PASSED = "passed"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelVersion:
    """One version: its number from 1, the run that made it, and its tags."""

    number: int
    run_id: str
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def manifest_sha256(self) -> str | None:
        return self.tags.get(protocol.TAG_MANIFEST_SHA256)

    @property
    def validation_status(self) -> str:
        return self.tags.get(protocol.TAG_VALIDATION_STATUS, ValidationStatus.PENDING)

    @property
    def promoted_at(self) -> str | None:
        """When it was last promoted, ISO 8601 in UTC; None if it never was."""
        return self.tags.get(protocol.TAG_PROMOTED_AT)

    @property
    def promoted_by(self) -> str | None:
        """Who promoted it last."""
        return self.tags.get(protocol.TAG_PROMOTED_BY)

    @property
    def served_at(self) -> str | None:
        """When a router last began to serve it, ISO 8601 in UTC; None if none said so."""
        return self.tags.get(protocol.TAG_SERVED_AT)

    @property
    def calibrated_until(self) -> datetime | None:
        """When the last statement was submitted that it was trained or calibrated on; None if that is not on record."""
        recorded = self.tags.get(protocol.TAG_CALIBRATED_UNTIL)
        return datetime.fromisoformat(recorded) if recorded else None

    @property
    def label_rule(self) -> LabelRule | None:
        """The limits that its training called heavy; None if they are not on record."""
        recorded = self.tags.get(protocol.TAG_LABEL_RULE)
        return LabelRule.from_json(json.loads(recorded)) if recorded else None

    @property
    def quarantined(self) -> str | None:
        """Why it must not serve again, or None."""
        return self.tags.get(protocol.TAG_QUARANTINED)


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisteredModel:
    """The registered model as read at one moment; `recorded` is the version on record as serving."""

    versions: tuple[ModelVersion, ...] = ()
    aliases: Mapping[str, int] = field(default_factory=dict)
    recorded: int | None = None

    def version(self, number: int) -> ModelVersion:
        """The version of that number; raises `UnknownModelVersionError`."""
        found = next((version for version in self.versions if version.number == number), None)
        if found is None:
            raise UnknownModelVersionError(f"model version {number} does not exist: expected {self._known_versions()}")
        return found

    def resolve(self, name: str | int) -> ModelVersion:
        """The version that a number or an alias (any case) stands for; raises `UnknownModelVersionError`."""
        if isinstance(name, int) or name.isdecimal():
            return self.version(int(name))
        number = self.aliased(name)
        if number is None:
            known = ", ".join(sorted(self.aliases)) or "none is set"
            raise UnknownModelVersionError(f"alias {name!r} has no version: expected one of the aliases ({known})")
        return self.version(number)

    def aliased(self, alias: str, *, besides: int | None = None) -> int | None:
        """The version an alias stands for, whatever its case; None if it stands for none.

        MLflow keeps `production` and `Production` apart. Where both are set, the one that is not `besides` counts, then
        the lower-case one, then the higher number.
        """
        meant = [(number, name) for name, number in self.aliases.items() if name.casefold() == alias.casefold()]
        ranked = sorted(meant, key=lambda pair: (pair[0] != besides, pair[1] == alias.casefold(), pair[0]))
        return ranked[-1][0] if ranked else None

    def _known_versions(self) -> str:
        if not self.versions:
            return f"a version of {protocol.REGISTERED_MODEL}, which has none yet"
        numbers = [version.number for version in self.versions]
        few = ", ".join(map(str, numbers[-10:]))
        return f"one of {few}" if len(numbers) <= 10 else f"one of {numbers[0]} to {numbers[-1]}, the last ones {few}"
