"""Reads Trino's QueryCompletedEvent, as its HTTP or Kafka event listener writes it, into a `QueryRecord`."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from smart_routing.querylog.records import FAILED, FINISHED, QueryRecord, TableInput

_MILLISECONDS_FROM: Final = 1e11
"""An epoch number this large counts milliseconds: as seconds it would lie past the year 5000."""

_QueryId = Annotated[str, Meta(pattern=r"^[!-~]+$", max_length=255)]
_Count = Annotated[int, Meta(ge=0, le=2**63 - 1)] | Annotated[float, Meta(ge=0, lt=2.0**63)]
_Duration = Annotated[float, Meta(ge=0)] | timedelta
_Instant = Annotated[float, Meta(ge=0)] | Annotated[datetime, Meta(tz=True)]


class _Wire(msgspec.Struct, rename="camel"):
    """A part of the event; fields that are not named here are ignored."""


class _Metadata(_Wire):
    query_id: _QueryId
    query: str
    prepared_query: str | None = None
    query_state: str | None = None


class _Statistics(_Wire):
    cpu_time: _Duration
    wall_time: _Duration | None = None
    peak_user_memory_bytes: _Count | None = None


class _Context(_Wire):
    user: str
    source: str | None = None
    catalog: str | None = None
    schema: str | None = None
    environment: str | None = None
    query_type: str | None = None
    trace_token: str | None = None
    session_properties: dict[str, Any] | None = None


class InputWire(_Wire):
    """A table that was read, as Trino tells of it everywhere (QueryInputMetadata)."""

    catalog_name: str
    schema: str
    table: str
    physical_input_bytes: _Count | None = None
    physical_input_rows: _Count | None = None

    def table_input(self) -> TableInput:
        return TableInput(
            catalog=self.catalog_name,
            schema=self.schema,
            table=self.table,
            physical_bytes=_whole(self.physical_input_bytes),
            physical_rows=_whole(self.physical_input_rows),
        )


class _IoMetadata(_Wire):
    inputs: list[InputWire] | None = None


class _ErrorCode(_Wire):
    name: str | None = None
    type: str | None = None


class _FailureInfo(_Wire):
    error_code: _ErrorCode | None = None


class _Event(_Wire):
    metadata: _Metadata
    statistics: _Statistics
    context: _Context
    create_time: _Instant
    end_time: _Instant
    io_metadata: _IoMetadata | None = None
    failure_info: _FailureInfo | None = None


class _Wrapper(_Wire):
    """What the Kafka listener puts around an event, beside `eventMetadata`."""

    event_payload: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


_DECODER: Final = msgspec.json.Decoder(_Event)
_WRAPPER_DECODER: Final = msgspec.json.Decoder(_Wrapper)
_WRAPPER_KEY: Final = b'"eventPayload"'


@dataclass(frozen=True, slots=True)
class Rejected:
    """A line that is no usable QueryCompletedEvent; `reason` names the path and what was expected there."""

    reason: str


def read_event(line: bytes) -> QueryRecord | Rejected:
    """One event from its JSON text; never raises for what the text holds.

    The Kafka listener's wrapper `{"eventPayload": event, "eventMetadata": ...}` is taken off; the places that a reason
    names are then the event's. Durations may be numbers of seconds or ISO-8601 ("PT1.234S"), instants ISO-8601 with a
    zone or epoch numbers.
    """
    try:
        return _record(_DECODER.decode(_payload(line)))
    except msgspec.ValidationError as error:
        return Rejected(f"{error}; expected a QueryCompletedEvent")
    except UnicodeDecodeError as error:
        return Rejected(f"not UTF-8: {error.reason}")
    except msgspec.DecodeError as error:
        return Rejected(f"not JSON: {error}")
    except (ValueError, OverflowError, RecursionError) as error:
        return Rejected(str(error))


def _payload(line: bytes) -> bytes | msgspec.Raw:
    if _WRAPPER_KEY not in line:
        return line
    payload = _WRAPPER_DECODER.decode(line).event_payload
    return line if isinstance(payload, msgspec.UnsetType) else payload


def _record(event: _Event) -> QueryRecord:
    created, ended = _instant(event.create_time, "$.createTime"), _instant(event.end_time, "$.endTime")
    if ended < created:
        raise ValueError(f"$.endTime {ended.isoformat()} is before $.createTime {created.isoformat()}")
    metadata, statistics, context, failure = event.metadata, event.statistics, event.context, event.failure_info
    wall_time = ended - created if statistics.wall_time is None else statistics.wall_time
    error = (failure and failure.error_code) or _ErrorCode()
    return QueryRecord(
        query_id=metadata.query_id,
        sql=metadata.query,
        prepared_sql=metadata.prepared_query,
        user=context.user,
        source=context.source,
        catalog=context.catalog,
        schema=context.schema,
        cluster=context.environment,
        query_type=context.query_type,
        state=metadata.query_state or (FAILED if failure else FINISHED),
        error_code=error.name,
        error_type=error.type,
        cpu_seconds=_seconds(statistics.cpu_time, "$.statistics.cpuTime"),
        wall_seconds=_seconds(wall_time, "$.statistics.wallTime"),
        peak_memory_bytes=int(statistics.peak_user_memory_bytes or 0),
        create_time=created,
        end_time=ended,
        trace_token=context.trace_token,
        session_properties={name: str(value) for name, value in (context.session_properties or {}).items()},
        inputs=tuple(one.table_input() for one in (event.io_metadata and event.io_metadata.inputs) or ()),
    )


def _whole(count: float | None) -> int | None:
    return None if count is None else int(count)


def _seconds(value: float | timedelta, path: str) -> float:
    seconds = value.total_seconds() if isinstance(value, timedelta) else value
    if seconds < 0:
        raise ValueError(f"{path} is {seconds} s: expected a duration of 0 or more")
    return seconds


def _instant(value: float | datetime, path: str) -> datetime:
    try:
        if isinstance(value, datetime):
            return value.astimezone(UTC)
        return datetime.fromtimestamp(value / 1000 if value >= _MILLISECONDS_FROM else value, UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{path} is {value}: expected an instant of the years 1 to 9999") from error
