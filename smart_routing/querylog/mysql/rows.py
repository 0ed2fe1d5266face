"""A row of `trino_queries`, the table of Trino's MySQL event listener, as a `QueryRecord`."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from smart_routing.errors import QueryLogError
from smart_routing.querylog.events import InputWire, Rejected
from smart_routing.querylog.mysql.retimed import retimed_log
from smart_routing.querylog.records import QueryRecord, TableInput

_Count = Annotated[int, Meta(ge=0, le=2**63 - 1)]
_Millis = Annotated[int, Meta(ge=0, le=10**14)]


class _Row(msgspec.Struct, kw_only=True):
    """The columns that are used; those with a default may be missing or NULL."""

    query_id: Annotated[str, Meta(max_length=255)]
    query: str
    query_state: str
    user: str
    cpu_time_millis: _Millis
    wall_time_millis: _Millis
    peak_memory_bytes: _Count
    prepared_query: str | None = None
    source: str | None = None
    catalog: str | None = None
    schema: str | None = None
    environment: str | None = None
    query_type: str | None = None
    error_code: str | None = None
    error_type: str | None = None
    trace_token: str | None = None
    session_properties_json: str | None = None
    inputs_json: str | None = None


COLUMNS: Final = tuple(field.name for field in msgspec.structs.fields(_Row))
REQUIRED_COLUMNS: Final = tuple(field.name for field in msgspec.structs.fields(_Row) if field.required)
_QUERY_ID: Final = re.compile(r"(\d{8}_\d{6})_\d+_\w+", re.ASCII)
_SESSION: Final = msgspec.json.Decoder(dict[str, str])
_INPUTS: Final = msgspec.json.Decoder(list[InputWire])


def read_row(values: Mapping[str, Any]) -> QueryRecord | Rejected:
    """One statement from its row, numbers as such or as text.

    The table has no times: the statement's creation is taken from its query id and its end from the wall time, and the
    record says so. Raises `QueryLogError` for an id of a log that was retimed.
    """
    try:
        return _record(msgspec.convert(values, _Row, strict=False))
    except (msgspec.DecodeError, ValueError, OverflowError) as error:
        return Rejected(f"{error}; expected a row of trino_queries")


def _record(row: _Row) -> QueryRecord:
    created = _created(row.query_id)
    return QueryRecord(
        query_id=row.query_id,
        sql=row.query,
        prepared_sql=row.prepared_query,
        user=row.user,
        source=row.source,
        catalog=row.catalog,
        schema=row.schema,
        cluster=row.environment,
        query_type=row.query_type,
        state=row.query_state,
        error_code=row.error_code,
        error_type=row.error_type,
        cpu_seconds=row.cpu_time_millis / 1000,
        wall_seconds=row.wall_time_millis / 1000,
        peak_memory_bytes=row.peak_memory_bytes,
        create_time=created,
        end_time=created + timedelta(milliseconds=row.wall_time_millis),
        trace_token=row.trace_token,
        session_properties=_session(row.session_properties_json),
        inputs=_inputs(row.inputs_json),
        approximate_times=True,
    )


def _session(text: str | None) -> dict[str, str]:
    try:
        return _SESSION.decode(text or "{}")
    except msgspec.DecodeError as error:
        raise ValueError(f"session_properties_json: {error}") from error


def _inputs(text: str | None) -> tuple[TableInput, ...]:
    try:
        return tuple(one.table_input() for one in _INPUTS.decode(text or "[]"))
    except msgspec.DecodeError as error:
        raise ValueError(f"inputs_json: {error}") from error


def _created(query_id: str) -> datetime:
    found = _QUERY_ID.fullmatch(query_id)
    if found is None:
        raise ValueError(f"query_id {query_id!r} does not begin with its time, as in 20261008_120301_00012_abcde")
    log = retimed_log(query_id)
    if log is not None:
        raise QueryLogError(
            f"query {query_id} is of {log}, whose statements were put at other times than their ids tell: "
            f"expected a table of statements at their own times; read the events of {log} instead"
        )
    return datetime.strptime(found[1], "%Y%m%d_%H%M%S").replace(tzinfo=UTC)
