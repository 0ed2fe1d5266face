"""The tolerant reader of query events."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from smart_routing.querylog.events import Rejected, read_event
from smart_routing.querylog.records import QueryRecord, TableInput
from tests.unit.querylog.samples import MISSING, event, record

CREATED = datetime(2026, 10, 5, 1, 11, 7, 322000, tzinfo=UTC)
CREATED_EPOCH = CREATED.timestamp()


def accepted(line: bytes) -> QueryRecord:
    result = read_event(line)
    if isinstance(result, Rejected):
        pytest.fail(result.reason)
    return result


def test_reads_every_field() -> None:
    assert accepted(event()) == QueryRecord(
        query_id="20261005_011107_00006_2pxgy",
        sql="select count(*) from orders",
        user="ana",
        source="dbeaver",
        catalog="lake",
        schema="search",
        cluster="small",
        query_type="SELECT",
        state="FINISHED",
        cpu_seconds=0.057,
        wall_seconds=0.296,
        peak_memory_bytes=128399,
        create_time=CREATED,
        end_time=datetime(2026, 10, 5, 1, 11, 7, 618000, tzinfo=UTC),
        trace_token="t-1",
        session_properties={"query_priority": "5"},
        inputs=(
            TableInput(catalog="lake", schema="search", table="orders", physical_bytes=165162, physical_rows=15000),
            TableInput(catalog="lake", schema="search", table="lineitem"),
        ),
    )


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        pytest.param(1, 1.0, id="integer"),
        pytest.param(1.234, 1.234, id="decimal"),
        pytest.param(0, 0.0, id="zero"),
        pytest.param("PT1.234S", 1.234, id="iso-seconds"),
        pytest.param("PT26H3M4.5S", 93784.5, id="iso-hours"),
        pytest.param("P1DT1S", 86401.0, id="iso-days"),
        pytest.param("PT0S", 0.0, id="iso-zero"),
    ],
)
def test_reads_durations(value: object, seconds: float) -> None:
    assert accepted(event({"statistics.cpuTime": value})).cpu_seconds == seconds


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("2026-10-05T01:11:07.322Z", id="iso-utc"),
        pytest.param("2026-10-05T03:11:07.322+02:00", id="iso-offset"),
        pytest.param("2026-10-05T01:11:07.322000000Z", id="iso-nanoseconds"),
        pytest.param(CREATED_EPOCH, id="epoch-seconds"),
        pytest.param(round(CREATED_EPOCH * 1000), id="epoch-milliseconds"),
    ],
)
def test_reads_instants(value: object) -> None:
    created = accepted(event({"createTime": value})).create_time
    assert (created, created.tzinfo) == (CREATED, UTC)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({"context.source": MISSING}, {"source": None}, id="source-missing"),
        pytest.param({"context.catalog": None}, {"catalog": None}, id="catalog-null"),
        pytest.param({"context.environment": MISSING}, {"cluster": None}, id="environment"),
        pytest.param({"context.sessionProperties": None}, {"session_properties": {}}, id="session-properties"),
        pytest.param({"ioMetadata": MISSING}, {"inputs": ()}, id="io-metadata"),
        pytest.param({"ioMetadata": {}}, {"inputs": ()}, id="io-metadata-empty"),
        pytest.param({"statistics.peakUserMemoryBytes": 1.5e9}, {"peak_memory_bytes": 15 * 10**8}, id="memory-float"),
        pytest.param({"context.sessionProperties": {"a": 7}}, {"session_properties": {"a": "7"}}, id="session-number"),
        pytest.param({"statistics.peakUserMemoryBytes": MISSING}, {"peak_memory_bytes": 0}, id="memory"),
        pytest.param({"statistics.wallTime": MISSING}, {"wall_seconds": 0.296}, id="wall-time-is-the-span"),
        pytest.param({"metadata.queryState": MISSING}, {"state": "FINISHED"}, id="state"),
        pytest.param({"metadata.queryState": MISSING, "failureInfo": {}}, {"state": "FAILED"}, id="state-of-failure"),
        pytest.param({"failureInfo": {"errorCode": None}}, {"error_code": None}, id="error-code-null"),
        pytest.param({"metadata.preparedQuery": "select 1"}, {"prepared_sql": "select 1"}, id="prepared"),
        pytest.param({"new": {"deep": [1]}, "metadata.new": 1}, {"user": "ana"}, id="unknown-fields"),
    ],
)
def test_bears_missing_null_and_unknown_parts(changes: dict[str, Any], expected: dict[str, Any]) -> None:
    read = accepted(event(changes))
    assert {name: getattr(read, name) for name in expected} == expected


def test_reads_the_error() -> None:
    failure = {"errorCode": {"code": 131079, "name": "EXCEEDED_CPU_LIMIT", "type": "INSUFFICIENT_RESOURCES"}}
    read = accepted(event({"failureInfo": failure, "metadata.queryState": "FAILED"}))
    assert (read.failed, read.error_code, read.error_type) == (True, "EXCEEDED_CPU_LIMIT", "INSUFFICIENT_RESOURCES")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        pytest.param(b"{oops", "not JSON", id="not-json"),
        pytest.param(b'{"metadata":', "not JSON", id="cut"),
        pytest.param(b"[]", "Expected `object`, got `array`", id="array"),
        pytest.param(b"null", "Expected `object`, got `null`", id="null"),
        pytest.param(b'"\xff"', "Expected `object`", id="string"),
        pytest.param(event().replace(b"ana", b"\xff\xfe"), "not UTF-8", id="not-utf-8"),
        pytest.param(b'{"x":' + b"[" * 100_000, "recursion", id="nested-too-deeply"),
        pytest.param(event().replace(b"0.057", b"NaN"), "not JSON", id="bare-nan"),
        pytest.param(event().replace(b"0.057", b"1e999"), "$.statistics.cpuTime", id="infinite"),
        pytest.param(event({"statistics": MISSING, "endTime": MISSING}), "`statistics`", id="query-created-event"),
        pytest.param(event({"metadata.queryId": MISSING}), "`queryId` - at `$.metadata`", id="no-query-id"),
        pytest.param(event({"metadata.queryId": ""}), "$.metadata.queryId", id="empty-query-id"),
        pytest.param(event({"metadata.query": MISSING}), "`query` - at `$.metadata`", id="no-query"),
        pytest.param(event({"context.user": MISSING}), "`user` - at `$.context`", id="no-user"),
        pytest.param(event({"createTime": MISSING}), "`createTime`", id="no-create-time"),
        pytest.param(event({"endTime": None}), "$.endTime", id="null-end-time"),
        pytest.param(event({"statistics.cpuTime": MISSING}), "`cpuTime` - at `$.statistics`", id="no-cpu-time"),
        pytest.param(event({"statistics.cpuTime": "NaN"}), "$.statistics.cpuTime", id="nan"),
        pytest.param(event({"statistics.cpuTime": True}), "$.statistics.cpuTime", id="boolean-duration"),
        pytest.param(event({"statistics.cpuTime": -1}), "$.statistics.cpuTime", id="negative-cpu"),
        pytest.param(event({"statistics.cpuTime": "-PT1S"}), "$.statistics.cpuTime", id="negative-iso"),
        pytest.param(event({"statistics.peakUserMemoryBytes": -1}), "peakUserMemoryBytes", id="negative-memory"),
        pytest.param(event({"statistics.peakUserMemoryBytes": 2**63}), "peakUserMemoryBytes", id="memory-overflow"),
        pytest.param(event({"createTime": "2026-10-05T01:11:07"}), "$.createTime", id="no-time-zone"),
        pytest.param(event({"createTime": "0001-01-01T00:00:00+05:00"}), "$.createTime", id="before-year-1"),
        pytest.param(event({"createTime": 1e300}), "$.createTime", id="epoch-overflow"),
        pytest.param(event({"endTime": "2026-10-05T01:11:07.321Z"}), "$.endTime", id="ends-before-it-begins"),
        pytest.param(event({"context.source": 5}), "$.context.source", id="wrong-type"),
    ],
)
def test_rejects_with_the_place_and_what_was_expected(line: bytes, reason: str) -> None:
    result = read_event(line)
    assert isinstance(result, Rejected)
    assert reason in result.reason


@pytest.mark.parametrize(
    ("prepared", "sql"),
    [pytest.param(None, "execute p", id="text"), pytest.param("select ?", "select ?", id="prepared")],
)
def test_a_request_carries_what_a_router_knows(prepared: str | None, sql: str) -> None:
    request = record(sql="execute p", prepared_sql=prepared).request()
    assert (request.sql, request.submitted_at, request.in_transaction) == (sql, record().create_time, False)
    assert request.session_properties == {"query_priority": "5"}


def test_an_event_with_an_autocommit_transaction_is_not_in_a_transaction() -> None:
    assert not accepted(event()).request().in_transaction


@pytest.mark.parametrize("zone", [None, timezone(timedelta(hours=2))], ids=["naive", "offset"])
def test_a_record_needs_aware_times(zone: timezone | None) -> None:
    moment = datetime(2026, 10, 5, tzinfo=zone)
    if zone:
        assert record(create_time=moment).create_time == moment
        return
    with pytest.raises(ValueError, match="no time zone"):
        record(create_time=moment)


def wrapped(payload: bytes) -> bytes:
    return b'{"eventPayload": ' + payload + b', "eventMetadata": {"cluster": "a"}}'


def test_kafka_wrapper_is_taken_off() -> None:
    assert read_event(wrapped(event())) == read_event(event())


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"metadata.query": "select '{\"eventPayload\": 1}'"}, id="in-the-statement"),
        pytest.param({"context.sessionProperties": {"eventPayload": "1"}}, id="as-a-session-property"),
    ],
)
def test_name_of_the_wrapper_elsewhere_is_no_wrapper(changes: dict[str, Any]) -> None:
    accepted(event(changes))


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param(b"null", id="null"),
        pytest.param(b"{}", id="empty"),
        pytest.param(event({"statistics": MISSING}), id="created"),
        pytest.param(wrapped(event()), id="wrapped-twice"),
    ],
)
def test_wrapper_without_a_completed_event_is_rejected(payload: bytes) -> None:
    assert isinstance(read_event(wrapped(payload)), Rejected)
