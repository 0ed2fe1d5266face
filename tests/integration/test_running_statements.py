"""A statement that runs on a real Trino past a limit is in the store at once, and as what it became after its end."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from infra.local.processes import LOOPBACK, free_port, listening
from infra.local.servers import EventSink, collector_server
from infra.local.servers.trino import trino
from smart_routing.querylog.records import QueryRecord
from smart_routing.querylog.store import QueryLogStore, open_store
from tests.shell import own_environment

TOKEN = "only-on-loopback"
CPU_SECONDS = 0.5
WAIT_SECONDS = 60.0
SQL = "select count(*) from lineitem a cross join orders b where a.l_orderkey + b.o_orderkey = 17"
HEADERS = {
    "X-Trino-User": "ana",
    "X-Trino-Source": "dbeaver",
    "X-Trino-Catalog": "tpch",
    "X-Trino-Schema": "sf1000",
    "X-Trino-Trace-Token": "decision-1",
    "X-Trino-Session": "query_priority=5,query_max_execution_time=2m",
}


@pytest.fixture
def store(tmp_path: Path) -> QueryLogStore:
    return open_store(str(tmp_path / "store"))


@pytest.fixture
def coordinator(tmp_path: Path, new_server_folder: Callable[[str], Path]) -> Iterator[str]:
    """A Trino whose running statements a collector asks for, and which sends its events there."""
    port = free_port()
    (tmp_path / "token").write_text(TOKEN)
    environment = own_environment(
        tmp_path,
        SMART_ROUTING_QUERY_LOG_STORE=str(tmp_path / "store"),
        SMART_ROUTING_COLLECTOR_TOKEN_FILE=str(tmp_path / "token"),
        SMART_ROUTING_COLLECTOR_BATCH_SECONDS="0.5",
        SMART_ROUTING_COLLECTOR_COORDINATORS=f"http://{LOOPBACK}:{port}",
        SMART_ROUTING_COLLECTOR_POLL_SECONDS="0.5",
        SMART_ROUTING_COLLECTOR_RUNNING_CPU_SECONDS=str(CPU_SECONDS),
    )
    with collector_server(new_server_folder("collector-of-running"), environment) as collector:
        sink = EventSink(collector.url, TOKEN)
        with listening(trino(new_server_folder("trino-of-running"), port, event_sink=sink)) as url:
            yield url


def submit(url: str) -> str:
    """Starts the statement; returns the address whose DELETE cancels it."""
    reply = httpx.post(f"{url}/v1/statement", content=SQL, headers=HEADERS).raise_for_status().json()
    while reply["stats"]["state"] != "RUNNING":
        assert "error" not in reply
        reply = httpx.get(reply["nextUri"], timeout=30).raise_for_status().json()
    following: str = reply["nextUri"]
    return following


def wait_for(store: QueryLogStore, state: str) -> QueryRecord:
    """The one record of the store, once it is in this state."""
    deadline = time.monotonic() + WAIT_SECONDS
    records: list[QueryRecord] = []
    while time.monotonic() < deadline:
        records = list(store.read())
        if [one.state for one in records] == [state]:
            return records[0]
        time.sleep(0.2)
    pytest.fail(f"the store has {[one.state for one in records]} after {WAIT_SECONDS:.0f} s: expected one {state}")


@pytest.mark.service
def test_running_statement_is_stored_and_then_gives_way_to_its_end(coordinator: str, store: QueryLogStore) -> None:
    following = submit(coordinator)
    running = wait_for(store, "RUNNING")
    httpx.delete(following).raise_for_status()
    ended = wait_for(store, "FAILED")
    assert running.cpu_seconds >= CPU_SECONDS
    assert ended.error_code == "USER_CANCELED"
    assert running.request() == ended.request()
    assert (running.cluster, running.trace_token, running.query_type) == ("small", "decision-1", "SELECT")
    assert (ended.cluster, ended.trace_token, ended.query_type) == ("small", "decision-1", "SELECT")
    assert running.end_time <= ended.end_time
