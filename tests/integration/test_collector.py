"""A real collector takes the bundled log over HTTP and is killed on the way: every event is stored once, none lost."""

import gzip
import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from infra.local.loop import EVENTS
from infra.local.servers import CollectorServer, collector_server
from smart_routing.querylog.events import read_event
from smart_routing.querylog.records import QueryRecord
from smart_routing.querylog.store import open_store
from tests.shell import own_environment

CONNECTIONS = 4
TOKEN = "only-on-loopback"
TIMEOUT = 20.0


@pytest.fixture(scope="module")
def bodies() -> list[bytes]:
    """All bundled events."""
    lines: list[bytes] = []
    for file in sorted(EVENTS.glob("*.jsonl.gz")):
        with gzip.open(file) as events:
            lines.extend(events)
    return lines


@pytest.fixture(params=["parquet", pytest.param("postgres", marks=pytest.mark.service)])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return str(tmp_path / "store") if request.param == "parquet" else request.getfixturevalue("postgres_url")


@pytest.fixture
def environment(tmp_path: Path, store_url: str) -> dict[str, str]:
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    return own_environment(
        tmp_path,
        SMART_ROUTING_QUERY_LOG_STORE=store_url,
        SMART_ROUTING_COLLECTOR_TOKEN_FILE=str(tmp_path / "token"),
        SMART_ROUTING_COLLECTOR_BATCH_SECONDS="0.5",
    )


@dataclass
class Sending:
    """Bodies on their way over several connections, each sent once; the sender stops at the first failure."""

    collector: CollectorServer
    kill_after: int | None = None
    acknowledged: set[int] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def send(self, numbered: list[tuple[int, bytes]]) -> None:
        with ThreadPoolExecutor(CONNECTIONS) as pool:
            list(pool.map(self._send_share, (numbered[first::CONNECTIONS] for first in range(CONNECTIONS))))

    def _send_share(self, numbered: list[tuple[int, bytes]]) -> None:
        with httpx.Client(headers={"Authorization": f"Bearer {TOKEN}"}, timeout=TIMEOUT) as client:
            for number, body in numbered:
                try:
                    reply = client.post(f"{self.collector.url}/v1/query-events", content=body)
                except httpx.TransportError:
                    return
                assert reply.status_code == 200
                self._acknowledge(number)

    def _acknowledge(self, number: int) -> None:
        with self.lock:
            self.acknowledged.add(number)
            if len(self.acknowledged) == self.kill_after:
                os.kill(self.collector.process.pid, signal.SIGKILL)


def spilled_ids(folder: Path) -> set[str]:
    lines = (line for segment in folder.glob("segment-*") for line in segment.read_bytes().split(b"\n")[:-1])
    return {event.query_id for event in map(read_event, lines) if isinstance(event, QueryRecord)}


def records(store_url: str) -> list[QueryRecord]:
    return list(open_store(store_url).read())


def expected(bodies: list[bytes]) -> list[QueryRecord]:
    events = [event for event in map(read_event, bodies) if isinstance(event, QueryRecord)]
    return sorted(events, key=lambda event: (event.create_time, event.query_id))


def test_every_event_is_stored_once_although_the_collector_is_killed(
    bodies: list[bytes], environment: dict[str, str], store_url: str, tmp_path: Path
) -> None:
    numbered = list(enumerate(bodies))
    with collector_server(tmp_path, environment) as collector:
        first = Sending(collector, kill_after=len(bodies) // 2)
        first.send(numbered)
        collector.process.wait(TIMEOUT)
    assert collector.process.returncode == -signal.SIGKILL
    assert len(bodies) // 2 <= len(first.acknowledged) < len(bodies)
    kept = {record.query_id for record in records(store_url)} | spilled_ids(tmp_path / "collector" / "spill")
    assert {query_id(bodies[number]) for number in first.acknowledged} <= kept

    with collector_server(tmp_path, environment) as collector:
        second = Sending(collector)
        second.send([(number, body) for number, body in numbered if number not in first.acknowledged])
    assert first.acknowledged | second.acknowledged == set(range(len(bodies)))
    assert records(store_url) == expected(bodies)
    assert list((tmp_path / "collector" / "spill").glob("segment-*")) == []


def query_id(body: bytes) -> str:
    event = read_event(body)
    assert isinstance(event, QueryRecord)
    return event.query_id


@pytest.fixture
def collector(environment: dict[str, str], tmp_path: Path) -> Iterator[CollectorServer]:
    with collector_server(tmp_path, environment) as server:
        yield server


@pytest.mark.parametrize("store_url", ["parquet"], indirect=True)
def test_wrong_token_is_401_and_nothing_is_kept(
    bodies: list[bytes], collector: CollectorServer, tmp_path: Path
) -> None:
    url = f"{collector.url}/v1/query-events"
    for headers in ({}, {"Authorization": "Bearer wrong"}):
        assert httpx.post(url, content=bodies[0], headers=headers).status_code == 401
    assert list((tmp_path / "collector" / "spill").glob("segment-*")) == []


@pytest.mark.parametrize("store_url", ["parquet"], indirect=True)
def test_events_reach_the_store_while_the_collector_runs(
    bodies: list[bytes], collector: CollectorServer, store_url: str, tmp_path: Path
) -> None:
    Sending(collector).send(list(enumerate(bodies[:20])))
    deadline = time.monotonic() + TIMEOUT
    while len(records(store_url)) < 20 and time.monotonic() < deadline:
        time.sleep(0.1)
    assert records(store_url) == expected(bodies[:20])
    log = (tmp_path / "server.log").read_text()
    assert TOKEN not in log
    assert "select" not in log.lower()
