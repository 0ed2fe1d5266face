"""Where the coordinators of a run send their events: kept in memory, cut as the collector cuts them."""

import gzip
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final

from serving.events.intake import Completed, examine
from smart_routing.protocol import QUERY_EVENTS_PATH
from smart_routing.querylog.events import read_event
from smart_routing.querylog.records import QueryRecord

LOOPBACK: Final = "127.0.0.1"
MAX_BODY_BYTES: Final = 2**24


@dataclass(frozen=True, slots=True)
class Event:
    """A completed query, and its event on one line of JSON."""

    record: QueryRecord
    line: bytes


class EventSink:
    """Events by trace token; those without one are of nobody's run and are not kept."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._events: dict[str, Event] = {}
        self._arrival = threading.Condition()

    def take(self, body: bytes) -> None:
        """Keeps a completed query's event; Trino may send it twice."""
        examined = examine(body)
        record = read_event(examined.line) if isinstance(examined, Completed) else None
        if isinstance(examined, Completed) and isinstance(record, QueryRecord) and record.trace_token:
            with self._arrival:
                self._events[record.trace_token] = Event(record, examined.line)
                self._arrival.notify_all()

    def events(self, tokens: Iterable[str], *, seconds: float = 15.0) -> dict[str, Event]:
        """Events by token, waited for up to `seconds`; those that did not come by then are missing."""
        wanted = frozenset(tokens)
        with self._arrival:
            self._arrival.wait_for(lambda: wanted <= self._events.keys(), timeout=seconds)
            return {token: event for token, event in self._events.items() if token in wanted}


@contextmanager
def event_sink() -> Iterator[EventSink]:
    """A sink that listens on a free port of loopback."""
    with ThreadingHTTPServer((LOOPBACK, 0), BaseHTTPRequestHandler) as server:
        sink = EventSink(f"http://{LOOPBACK}:{server.server_port}")
        server.RequestHandlerClass = _handler(sink.take)
        thread = threading.Thread(target=server.serve_forever, name="event-sink", daemon=True)
        thread.start()
        try:
            yield sink
        finally:
            server.shutdown()
            thread.join()


def _handler(take: Callable[[bytes], None]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            declared = self.headers.get("Content-Length", "")
            length = int(declared) if declared.isdecimal() else 0
            fits = self.path == QUERY_EVENTS_PATH and 0 < length <= MAX_BODY_BYTES
            if fits:
                take(self.rfile.read(length))
            self.send_response(HTTPStatus.OK if fits else HTTPStatus.BAD_REQUEST)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Nothing: a request that is not logged cannot leak a statement."""

    return Handler


def write_log(events: Iterable[Event], path: Path) -> None:
    """JSON Lines, gzip, in order of creation."""
    ordered = sorted(events, key=lambda event: (event.record.create_time, event.record.query_id))
    with gzip.GzipFile(path, "wb", mtime=0) as file:
        file.writelines(event.line + b"\n" for event in ordered)
