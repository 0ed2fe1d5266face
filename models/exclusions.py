"""Windows of time whose statements say nothing about the usual fleet: incidents and changes of the clusters."""

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from smart_routing.errors import SettingsError
from smart_routing.querylog.records import QueryRecord

EXCLUSIONS_FILE: Final = Path(__file__).with_name("exclusions.json")


class _Entry(BaseModel):
    """One window as the file spells it."""

    model_config = ConfigDict(extra="forbid")

    start: AwareDatetime = Field(alias="from")
    end: AwareDatetime = Field(alias="to")
    cluster: str | None = None
    kind: Literal["incident", "change"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExclusionWindow:
    """Statements created in [start, end) on `cluster` (None: on any) are left out.

    A change also restarts the drift reference.
    """

    start: datetime
    end: datetime
    cluster: str | None
    kind: Literal["incident", "change"]

    def covers(self, record: QueryRecord) -> bool:
        on_cluster = self.cluster is None or self.cluster == record.cluster
        return on_cluster and self.start <= record.create_time < self.end


def read_exclusions(path: Path = EXCLUSIONS_FILE) -> tuple[ExclusionWindow, ...]:
    """The windows of a JSON file; raises `SettingsError` that names the file and what is wrong in it."""
    try:
        entries = TypeAdapter(list[_Entry]).validate_python(json.loads(path.read_text()))
    except (OSError, ValueError, ValidationError) as error:
        reason = error.errors()[0] if isinstance(error, ValidationError) else error
        raise SettingsError(f"{path}: {reason}: expected a list of {{from, to, cluster, kind}}") from error
    return tuple(
        ExclusionWindow(start=entry.start, end=entry.end, cluster=entry.cluster, kind=entry.kind) for entry in entries
    )
