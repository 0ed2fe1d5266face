"""What the collector keeps of a body."""

import gzip
import json
from typing import Any

import pytest

from infra.local.loop import EVENTS
from serving.events.intake import BLOBS, Completed, Created, examine
from smart_routing.querylog.events import Rejected, read_event
from tests.unit.querylog.samples import MISSING, event

BLOB_TEXT = json.dumps({"0": {"stats": 'a "quoted"\nplan'}})
FULL: dict[str, Any] = {
    "failureInfo": {"errorCode": {"name": "EXCEEDED_CPU_LIMIT", "type": "INSUFFICIENT_RESOURCES"}},
    **{f"{part}.{blob}": BLOB_TEXT for part, blobs in BLOBS.items() for blob in blobs},
}
CREATED = {"statistics": MISSING, "endTime": MISSING, "ioMetadata": MISSING}


def completed(body: bytes) -> Completed:
    result = examine(body)
    assert isinstance(result, Completed)
    return result


def test_blobs_are_cut_and_the_rest_stays() -> None:
    body = event(FULL)
    kept = completed(body)
    assert b"quoted" not in kept.line
    assert kept.record.query_id == "20261005_011107_00006_2pxgy"
    assert read_event(kept.line) == read_event(body)
    document, original = json.loads(kept.line), json.loads(body)
    for part, blobs in BLOBS.items():
        assert document[part] == {name: value for name, value in original[part].items() if name not in blobs}
    assert {name: document[name] for name in ("context", "ioMetadata", "createTime")} == {
        name: original[name] for name in ("context", "ioMetadata", "createTime")
    }


@pytest.mark.parametrize("newline", ["\n", "\r\n"], ids=["lf", "crlf"])
def test_indented_event_becomes_one_line(newline: str) -> None:
    body = json.dumps(json.loads(event({"metadata.query": "select 1\n-- two lines"})), indent=2)
    kept = completed(body.replace("\n", newline).encode())
    assert kept.line.splitlines() == [kept.line]
    assert read_event(kept.line) == read_event(body.encode())


def test_kafka_wrapper_is_taken_off() -> None:
    wrapped = b'{"eventPayload": ' + event(FULL) + b', "eventMetadata": {"x": "1"}}'
    assert completed(wrapped) == completed(event(FULL))


def test_every_bundled_event_of_a_day_reads_the_same_after_the_cut() -> None:
    with gzip.open(EVENTS / "2026-10-05.jsonl.gz") as lines:
        for line in lines:
            assert read_event(completed(line).line) == read_event(line)


@pytest.mark.parametrize("wrapped", [False, True], ids=["bare", "wrapped"])
def test_created_event_is_known(wrapped: bool) -> None:
    body = event(CREATED)
    assert examine(b'{"eventPayload": ' + body + b"}" if wrapped else body) == Created()


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        pytest.param(b"", "expected a QueryCompletedEvent", id="empty"),
        pytest.param(b"nope", "malformed", id="no-json"),
        pytest.param(b"[1]", "Expected `object`", id="array"),
        pytest.param(b'{"a":' + b"[" * 100_000, "recursion", id="deep"),
        pytest.param(b"\xff\xfe", "malformed", id="bytes"),
        pytest.param(b'{"queryId": "q", "stageId": 1}', "metadata", id="split-event"),
        pytest.param(event({"metadata": None}), "$.metadata", id="null-metadata"),
        pytest.param(event({"metadata": 1}), "Expected `object`", id="number-for-metadata"),
        pytest.param(event({"statistics.cpuTime": -1}), "cpuTime", id="negative-time"),
        pytest.param(event({"context.user": MISSING}), "user", id="no-user"),
        pytest.param(b'{"eventPayload": null}', "Expected `object`", id="empty-wrapper"),
    ],
)
def test_unusable_body_is_rejected_with_its_reason(body: bytes, reason: str) -> None:
    result = examine(body)
    assert isinstance(result, Rejected)
    assert reason in result.reason


def test_null_parts_are_no_error() -> None:
    assert completed(event({"failureInfo": None})).record.query_id
