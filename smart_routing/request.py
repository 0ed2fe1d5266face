"""`Request`: all that a router can know about a statement before it runs."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from smart_routing.features.statement import StatementKind

MAX_NAME_LENGTH: Final = 1024
"""Characters of a name that a router takes from a client: names stay in memory, and in the decision log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One statement as it arrives. Training builds it from the log, serving from the wire; both feed `featurize`.

    `submitted_at` is timezone-aware. `sql` is the statement itself: of an EXECUTE the prepared statement, where known.
    `gateway_kind` is what the gateway's own parser found, where there is one; no feature reads it.
    """

    query_id: str
    sql: str
    user: str
    submitted_at: datetime
    source: str | None = None
    catalog: str | None = None
    schema: str | None = None
    in_transaction: bool = False
    gateway_kind: StatementKind | None = None
    session_properties: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.submitted_at.tzinfo is None:
            raise ValueError(f"submitted_at {self.submitted_at} has no time zone")

    @property
    def submitted_utc(self) -> datetime:
        return self.submitted_at if self.submitted_at.tzinfo is UTC else self.submitted_at.astimezone(UTC)
