"""`QueryRecord`: one statement of the query log, as Trino reported it."""

from dataclasses import dataclass, field
from datetime import datetime
from sys import intern
from typing import Final

from smart_routing.labels import LabelRule, QueryWeight
from smart_routing.request import Request

FAILED: Final = "FAILED"
FINISHED: Final = "FINISHED"
RUNNING: Final = "RUNNING"

_REPEATED: Final = (
    "sql", "prepared_sql", "user", "source", "catalog", "schema", "cluster", "state", "query_type", "error_code",
)  # fmt: skip
"""What a log says again and again; equal texts are kept once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TableInput:
    """One table that a statement read; None where Trino did not say how much."""

    catalog: str
    schema: str
    table: str
    physical_bytes: int | None = None
    physical_rows: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryRecord:
    """What the log keeps of a QueryCompletedEvent. Times are timezone-aware UTC, numbers finite and not negative.

    `cluster` is the environment that ran it; `peak_memory_bytes` is Trino's peakUserMemoryBytes. `inputs` is known
    only after execution: it never reaches `request()`. Of a running statement the numbers are those so far, and
    `end_time` is when it was looked at. `approximate_times`: `create_time` is that of the query id, in whole seconds.
    """

    query_id: str
    sql: str
    user: str
    state: str
    cpu_seconds: float
    wall_seconds: float
    create_time: datetime
    end_time: datetime
    prepared_sql: str | None = None
    source: str | None = None
    catalog: str | None = None
    schema: str | None = None
    cluster: str | None = None
    query_type: str | None = None
    error_code: str | None = None
    error_type: str | None = None
    peak_memory_bytes: int = 0
    trace_token: str | None = None
    session_properties: dict[str, str] = field(default_factory=dict)
    inputs: tuple[TableInput, ...] = ()
    approximate_times: bool = False

    def __post_init__(self) -> None:
        for name in ("create_time", "end_time"):
            if getattr(self, name).tzinfo is None:
                raise ValueError(f"{name} {getattr(self, name)} of {self.query_id} has no time zone")
        for name in _REPEATED:
            text = getattr(self, name)
            if text is not None:
                object.__setattr__(self, name, intern(text))

    @property
    def text(self) -> str:
        """The statement itself: of an EXECUTE the prepared one, where known."""
        return self.sql if self.prepared_sql is None else self.prepared_sql

    @property
    def failed(self) -> bool:
        return self.state == FAILED or self.error_code is not None

    @property
    def running(self) -> bool:
        return self.state == RUNNING

    def weight(self, rule: LabelRule) -> QueryWeight | None:
        """Its label; None where it failed, or still runs, and that says nothing about its size."""
        return rule.weight(
            cpu_seconds=self.cpu_seconds,
            peak_memory_bytes=self.peak_memory_bytes,
            succeeded=not self.failed and not self.running,
            error_code=self.error_code,
        )

    def request(self) -> Request:
        """What a router could know of it before it ran.

        The event's transactionId is left out: Trino gives one to every autocommit statement, so it says nothing.
        """
        return Request(
            query_id=self.query_id,
            sql=self.text,
            user=self.user,
            submitted_at=self.create_time,
            source=self.source,
            catalog=self.catalog,
            schema=self.schema,
            session_properties=dict(self.session_properties),
        )
