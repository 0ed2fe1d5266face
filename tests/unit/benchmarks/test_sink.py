"""The sink of a run's events, on a port of loopback, as coordinators meet it."""

import gzip
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from benchmarks.workload.sink import MAX_BODY_BYTES, Event, EventSink, event_sink, write_log
from smart_routing.protocol import QUERY_EVENTS_PATH
from tests.unit.querylog.samples import event, record


@pytest.fixture
def sink() -> Iterator[EventSink]:
    with event_sink() as running:
        yield running


def post(url: str, body: bytes, *, path: str = QUERY_EVENTS_PATH, length: str | None = None) -> int:
    """The status of a POST; `length` is declared in place of the body's own."""
    connection = HTTPConnection(urlsplit(url).netloc, timeout=10)
    try:
        headers = {"Content-Length": str(len(body)) if length is None else length}
        connection.request("POST", path, body=body, headers=headers)
        return connection.getresponse().status
    finally:
        connection.close()


def event_of(token: str | None) -> bytes:
    return event({"context.traceToken": token})


def test_event_that_is_sent_is_kept_under_its_token(sink: EventSink) -> None:
    assert [post(sink.url, event_of(f"run-{number}-0")) for number in range(3)] == [200, 200, 200]
    kept = sink.events(["run-0-0", "run-2-0"])
    assert {token: one.record.trace_token for token, one in kept.items()} == {
        "run-0-0": "run-0-0",
        "run-2-0": "run-2-0",
    }


@pytest.mark.parametrize(
    ("path", "length"),
    [
        ("/v1/other", None),
        (QUERY_EVENTS_PATH, "0"),
        (QUERY_EVENTS_PATH, "-5"),
        (QUERY_EVENTS_PATH, "many"),
        (QUERY_EVENTS_PATH, str(MAX_BODY_BYTES + 1)),
    ],
    ids=["another path", "nothing", "less than nothing", "no number", "too much"],
)
def test_request_that_is_no_event_is_refused_and_not_kept(sink: EventSink, path: str, length: str | None) -> None:
    assert post(sink.url, event_of("run-1-0"), path=path, length=length) == 400
    assert sink.events(["run-1-0"], seconds=0) == {}


def test_body_that_is_no_completed_query_is_taken_and_not_kept(sink: EventSink) -> None:
    assert post(sink.url, b"no event") == 200
    assert post(sink.url, event_of(None)) == 200
    assert sink.events([""], seconds=0) == {}


def test_events_are_waited_for_until_the_last_has_come() -> None:
    sink = EventSink("http://sink")
    sink.take(event_of("run-1-0"))
    late = threading.Timer(0.05, sink.take, [event_of("run-2-0")])
    late.start()
    kept = sink.events(["run-1-0", "run-2-0"], seconds=30)
    late.join()
    assert set(kept) == {"run-1-0", "run-2-0"}


def test_event_that_does_not_come_in_time_is_missing() -> None:
    sink = EventSink("http://sink")
    sink.take(event_of("run-1-0"))
    assert set(sink.events(["run-1-0", "run-2-0"], seconds=0.01)) == {"run-1-0"}


def test_sink_is_gone_after_its_run() -> None:
    with event_sink() as sink:
        assert post(sink.url, event_of("run-1-0")) == 200
    with pytest.raises((OSError, HTTPException)):
        post(sink.url, event_of("run-2-0"))


def test_log_is_the_same_bytes_whatever_the_order_of_arrival(tmp_path: Path) -> None:
    noon, one = (datetime(2026, 10, 5, hour, tzinfo=UTC) for hour in (12, 13))
    events = [Event(record(name, at), name.encode()) for name, at in (("b", noon), ("a", noon), ("0", one))]
    path = tmp_path / "events.jsonl.gz"
    write_log(events, path)
    first = path.read_bytes()
    write_log(events[::-1], path)
    assert path.read_bytes() == first
    assert gzip.decompress(first) == b"a\nb\n0\n"
