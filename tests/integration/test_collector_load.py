"""20,000 events at 500 a second, the store away for 20 s, the collector killed on the way: each is stored once."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from statistics import median, quantiles
from typing import Protocol

import pytest

from benchmarks.event_load import EventLoad
from benchmarks.open_loop import Delivery, OpenLoop, post_request
from infra.local.loop import EVENTS
from infra.local.processes import Server, free_port, running
from infra.local.servers.databases import postgres
from infra.local.servers.router import collector
from smart_routing.protocol import QUERY_EVENTS_PATH
from smart_routing.querylog.events import read_event
from smart_routing.querylog.records import QueryRecord
from smart_routing.querylog.store import open_store
from tests.leaks import leaks
from tests.shell import own_environment

COUNT = 20_000
PER_SECOND = 500.0
STORE_STOPS, COLLECTOR_DIES, STORE_STARTS = 8.0, 16.0, 28.0
DRAINED_SECONDS = 60.0
TOKEN = "planted-token-5f0c7a"
NOTE = "planted-statement-91be3d"

pytestmark = pytest.mark.service


class NewFolder(Protocol):
    def __call__(self, name: str) -> Path: ...


@pytest.fixture
def load() -> EventLoad:
    return EventLoad(EVENTS, count=COUNT, seed=7, note=NOTE)


@pytest.fixture
def store(new_server_folder: NewFolder) -> Server:
    """A PostgreSQL of the test's own, to be stopped and started again on its data."""
    return postgres(new_server_folder("postgres-under-load"), free_port())


@pytest.fixture
def lives(store: Server, tmp_path: Path) -> list[Server]:
    """The collector before it is killed and after, on one spill folder and one port; each has a log of its own."""
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    environment = own_environment(
        tmp_path,
        SMART_ROUTING_QUERY_LOG_STORE=store.url,
        SMART_ROUTING_COLLECTOR_TOKEN_FILE=str(tmp_path / "token"),
        SMART_ROUTING_COLLECTOR_BATCH_SECONDS="1",
    )
    port = free_port()
    return [collector(tmp_path / "logs" / name, port, environment=environment) for name in ("first", "second")]


async def send(url: str, load: EventLoad) -> list[Delivery]:
    sender = OpenLoop(url)
    deliveries = await sender.send(
        range(len(load)),
        lambda number: post_request(f"{url}{QUERY_EVENTS_PATH}", load.body(number), token=TOKEN),
        per_second=PER_SECOND,
    )
    await sender.close()
    return deliveries


def await_empty(spill: Path) -> None:
    deadline = time.monotonic() + DRAINED_SECONDS
    while list(spill.glob("segment-*")) and time.monotonic() < deadline:
        time.sleep(0.2)


def expected(load: EventLoad) -> dict[str, QueryRecord]:
    events = (read_event(load.body(number)) for number in range(len(load)))
    return {event.query_id: event for event in events if isinstance(event, QueryRecord)}


def times(deliveries: list[Delivery]) -> str:
    """Of the events that were acknowledged at the first try, and of all."""
    lines = []
    for name, chosen in (("first try", [one for one in deliveries if one.tries == 1]), ("all", deliveries)):
        seconds = [one.seconds for one in chosen if one.seconds is not None]
        p99 = quantiles(seconds, n=100)[98]
        lines.append(f"  {name}: {len(seconds)}, median {median(seconds) * 1000:.1f} ms, p99 {p99 * 1000:.0f} ms")
    return "\n".join(["", "acknowledged under load", *lines, ""])


def test_every_event_is_stored_once_under_load(
    load: EventLoad, store: Server, lives: list[Server], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = lives
    with ThreadPoolExecutor(1) as pool, ExitStack() as stores, ExitStack() as collectors:
        stores.enter_context(running(store))
        process = collectors.enter_context(running(first))
        sending = pool.submit(lambda: asyncio.run(send(first.url, load)))
        time.sleep(STORE_STOPS)
        stores.close()
        time.sleep(COLLECTOR_DIES - STORE_STOPS)
        process.kill()
        process.wait()
        collectors.close()
        collectors.enter_context(running(second))
        time.sleep(STORE_STARTS - COLLECTOR_DIES)
        stores.enter_context(running(store))
        deliveries = sending.result()
        await_empty(tmp_path / "collector" / "spill")
        collectors.close()
        stored = list(open_store(store.url).read())

    assert [delivery for delivery in deliveries if delivery.seconds is None] == []
    assert any(delivery.tries > 1 for delivery in deliveries)
    assert "events_not_stored" in first.log.read_text()
    wanted = expected(load)
    assert (len(wanted), len(stored)) == (COUNT, COUNT)
    assert [record.query_id for record in stored if wanted[record.query_id] != record] == []
    assert len({record.query_id for record in stored}) == COUNT
    assert leaks([tmp_path / "logs", store.folder], [TOKEN, NOTE], stores=[store.folder / "data"]) == []
    with capsys.disabled():
        print(times(deliveries))  # noqa: T201  # figures for whoever reads the run
