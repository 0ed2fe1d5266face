"""Windows of time whose statements say nothing about the usual fleet: incidents and changes of the clusters."""

from pathlib import Path
from typing import Final, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from smart_routing.errors import SettingsError
from smart_routing.querylog.records import QueryRecord
from smart_routing.toml_file import first_complaint

EXCLUSIONS_FILE: Final = Path(__file__).with_name("exclusions.json")


class ExclusionWindow(BaseModel):
    """Statements created in [from, to) on `cluster` (None: on any) are left out.

    A change also restarts the drift reference.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    start: AwareDatetime = Field(alias="from")
    end: AwareDatetime = Field(alias="to")
    cluster: str | None = None
    kind: Literal["incident", "change"]

    @model_validator(mode="after")
    def _has_a_length(self) -> Self:
        if self.end <= self.start:
            raise ValueError(f"ends at {self.end}: expected a time after its start, {self.start}")
        return self

    def covers(self, record: QueryRecord) -> bool:
        on_cluster = self.cluster is None or self.cluster == record.cluster
        return on_cluster and self.start <= record.create_time < self.end


def read_exclusions(path: Path = EXCLUSIONS_FILE) -> tuple[ExclusionWindow, ...]:
    """The windows of a JSON file; raises `SettingsError` that names the file and what is wrong in it."""
    try:
        return tuple(TypeAdapter(list[ExclusionWindow]).validate_json(path.read_bytes()))
    except ValidationError as error:
        raise SettingsError(f"{path}: {first_complaint(error)}; expected a list of from, to, cluster, kind") from error
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}") from error
