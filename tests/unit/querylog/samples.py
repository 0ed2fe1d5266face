"""Events and records that tests vary."""

import copy
import json
from datetime import UTC, datetime
from typing import Any

from smart_routing.querylog.records import QueryRecord, TableInput

_EVENT: dict[str, Any] = {
    "metadata": {
        "queryId": "20261005_011107_00006_2pxgy",
        "transactionId": "7d09af7f-21a9-4626-a112-b73ddecc8451",
        "query": "select count(*) from orders",
        "queryState": "FINISHED",
        "tables": [{"catalog": "lake", "schema": "search", "table": "orders"}],
    },
    "statistics": {"cpuTime": 0.057, "wallTime": 0.296, "peakUserMemoryBytes": 128399},
    "context": {
        "user": "ana",
        "source": "dbeaver",
        "catalog": "lake",
        "schema": "search",
        "environment": "small",
        "queryType": "SELECT",
        "traceToken": "t-1",
        "sessionProperties": {"query_priority": "5"},
    },
    "ioMetadata": {
        "inputs": [
            {
                "catalogName": "lake",
                "schema": "search",
                "table": "orders",
                "physicalInputBytes": 165162,
                "physicalInputRows": 15000,
            },
            {"catalogName": "lake", "schema": "search", "table": "lineitem"},
        ]
    },
    "createTime": "2026-10-05T01:11:07.322Z",
    "executionStartTime": "2026-10-05T01:11:07.335Z",
    "endTime": "2026-10-05T01:11:07.618Z",
}
MISSING = object()


def event(changes: dict[str, Any] | None = None) -> bytes:
    """One event as a line; keys of `changes` are dotted paths, the value `MISSING` removes the field."""
    document = copy.deepcopy(_EVENT)
    for path, value in (changes or {}).items():
        *parents, name = path.split(".")
        part = document
        for parent in parents:
            part = part[parent]
        part.pop(name, None)
        if value is not MISSING:
            part[name] = value
    return json.dumps(document).encode()


def record(
    query_id: str = "q1", create_time: datetime = datetime(2026, 10, 5, 12, tzinfo=UTC), **changes: Any
) -> QueryRecord:
    """A record whose every field is set, but for the error."""
    fields: dict[str, Any] = {
        "sql": "execute p using 1",
        "prepared_sql": "select * from orders where o_orderkey = ?",
        "user": "ana",
        "state": "FINISHED",
        "cpu_seconds": 0.1 + 0.2,
        "wall_seconds": 1.5,
        "end_time": create_time,
        "source": "dbeaver",
        "catalog": "lake",
        "schema": "search",
        "cluster": "small",
        "query_type": "SELECT",
        "peak_memory_bytes": 2**62,
        "trace_token": "t-1",
        "session_properties": {"query_priority": "5"},
        "inputs": (
            TableInput(catalog="lake", schema="search", table="orders", physical_bytes=7, physical_rows=2),
            TableInput(catalog="lake", schema="search", table="v"),
        ),
    }
    return QueryRecord(query_id=query_id, create_time=create_time, **(fields | changes))
