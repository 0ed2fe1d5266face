"""The whole stack, started by command: every part answers, a statement comes back as an event, and nothing is left."""

import os
import signal
import socket
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psycopg2
import pytest
import redis
import yaml

from infra.local.processes import LOOPBACK
from infra.local.stack.parts import PARTS
from infra.local.stack.site import Ports, is_taken
from infra.local.stack.state import Stack
from infra.local.stack.supervisor import Supervisor
from smart_routing.querylog.store import open_store
from tests.conftest import stack_command
from tests.fleet import Session, TrinoClient
from tests.process_tree import alive, tree
from tests.shell import ROOT
from tests.waiting import wait_until

HEALTH = {
    "s3": "/health",
    "mlflow": "/health",
    "prefect": "/health",
    "prefect-worker": "/health",
    "trino-small": "/v1/info",
    "trino-large": "/v1/info",
    "gateway": "/trino-gateway/readyz",
    "router": "/healthz",
    "collector": "/readyz",
    "exporter": "/healthz",
    "prometheus": "/-/ready",
    "alertmanager": "/-/ready",
}
STORED_SECONDS = 90.0
SCHEDULED_SECONDS = 150.0
RESTART_SECONDS = 30.0


def test_every_part_answers(stack: Stack) -> None:
    assert {part.name for part in stack.parts} == {part.name for part in PARTS}
    assert [name for name, path in HEALTH.items() if not httpx.get(f"{stack.url(name)}{path}").is_success] == []
    with redis.Redis.from_url(stack.url("redis")) as client:
        assert client.ping()
    with psycopg2.connect(stack.environment["SMART_ROUTING_QUERY_LOG_STORE"]) as connection:
        assert connection.info.dbname == "query_log"
    connection.close()
    assert set(stack.urls) == {*HEALTH, "postgres", "redis"}


def test_status_names_every_part_as_ready(stack: Stack) -> None:
    told = stack_command("status", stack.folder)
    assert told.returncode == 0
    assert [line.split()[:2] for line in told.stdout.splitlines()] == [[part.name, "ready"] for part in PARTS]


def test_second_up_finds_the_first(stack: Stack) -> None:
    before = sorted(Supervisor(stack.folder).processes())
    again = stack_command("up", stack.folder)
    assert again.returncode == 0
    assert again.stdout.startswith("stack: runs already, nothing was started\n")
    assert all(url in again.stdout for url in stack.urls.values())
    assert Supervisor(stack.folder).states()["postgres"].pid in before


def test_prefect_has_every_deployment_and_a_worker(stack: Stack) -> None:
    declared = yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]
    api = stack.url("prefect")
    deployed = httpx.post(f"{api}/deployments/filter", json={}, timeout=30).raise_for_status().json()
    assert {entry["name"] for entry in deployed} == {entry["name"] for entry in declared}
    workers = httpx.post(f"{api}/work_pools/smart-routing/workers/filter", json={}, timeout=30).raise_for_status()
    assert [worker["status"] for worker in workers.json()] == ["ONLINE"]


def test_a_schedule_starts_a_flow_that_the_worker_runs(stack: Stack) -> None:
    runs = {
        "flow_runs": {"state": {"type": {"any_": ["COMPLETED"]}}},
        "deployments": {"name": {"any_": ["reconcile-aliases"]}},
    }

    def count() -> int:
        api = stack.url("prefect")
        return int(httpx.post(f"{api}/flow_runs/count", json=runs, timeout=30).raise_for_status().text)

    wait_until(lambda: count() > 0, seconds=SCHEDULED_SECONDS)


def test_prometheus_reaches_its_targets_and_has_the_rules(stack: Stack) -> None:
    api = f"{stack.url('prometheus')}/api/v1"

    def health() -> list[tuple[str, str]]:
        targets = httpx.get(f"{api}/targets").raise_for_status().json()["data"]["activeTargets"]
        return sorted((target["labels"]["job"], target["health"]) for target in targets)

    jobs = ["alertmanager", "collector", "exporter", "router", "router", "trino-gateway"]
    wait_until(lambda: health() == [(job, "up") for job in jobs], seconds=60.0)
    assert httpx.get(f"{api}/rules").raise_for_status().json()["data"]["groups"]
    managers = httpx.get(f"{api}/alertmanagers").raise_for_status().json()["data"]["activeAlertmanagers"]
    assert [urlsplit(entry["url"]).netloc for entry in managers] == [urlsplit(stack.url("alertmanager")).netloc]


def test_without_a_model_a_statement_runs_on_large_and_its_event_is_stored(stack: Stack) -> None:
    nodes = "select node_id from system.runtime.nodes"
    ran_on, large, small = (
        TrinoClient(stack.url(part)).run(nodes).rows for part in ("gateway", "trino-large", "trino-small")
    )
    assert ran_on == large != small
    asked = TrinoClient(stack.url("gateway")).run("select count(*) from nation", Session(user="stack-event"))
    assert asked.rows == ((25,),)
    wait_until(lambda: stored(stack, "stack-event") == 1, seconds=STORED_SECONDS)


def stored(stack: Stack, user: str) -> int:
    """Query events of the user in the store."""
    store = open_store(stack.environment["SMART_ROUTING_QUERY_LOG_STORE"])
    return sum(record.user == user for record in store.read())


def test_only_brings_up_a_part_with_what_it_needs(stack_folder: Path) -> None:
    done = stack_command("up", stack_folder, "--free-ports", "--only", "events")
    assert done.returncode == 0, done.stderr
    stack = Stack.read(stack_folder)
    assert [part.name for part in stack.parts] == ["postgres", "redis", "databases", "collector"]
    assert httpx.get(f"{stack.url('collector')}/readyz").is_success
    more = stack_command("up", stack_folder, "--only", "s3 events")
    assert (more.returncode, more.stderr) == (
        1,
        "stack: it was started without bucket, s3: run `make stack-down` first\n",
    )


def test_down_leaves_no_process_and_no_port_and_the_data_stay(stack_folder: Path) -> None:
    assert stack_command("up", stack_folder, "--free-ports", "--only", "redis collector").returncode == 0
    stack, supervisor = Stack.read(stack_folder), Supervisor(stack_folder)
    servers = {state.pid for name, state in supervisor.states().items() if name in stack.urls}
    marked = supervisor.processes()
    processes = tree(marked)
    assert servers < set(marked)
    with redis.Redis.from_url(stack.url("redis")) as client:
        client.set("kept", "1")
    down = stack_command("down", stack_folder)
    assert down.returncode == 0, down.stderr
    assert supervisor.processes() == []
    assert alive(processes) == set()
    assert [port for port in stack.ports if is_taken(port)] == []

    assert stack_command("up", stack_folder, "--free-ports", "--only", "redis").returncode == 0
    with redis.Redis.from_url(Stack.read(stack_folder).url("redis")) as client:
        assert client.get("kept") == b"1"


def test_a_killed_process_is_started_again(stack_folder: Path) -> None:
    assert stack_command("up", stack_folder, "--free-ports", "--only", "redis").returncode == 0
    supervisor = Supervisor(stack_folder)
    before = supervisor.states()["redis"].pid
    os.kill(before, signal.SIGKILL)

    def is_another() -> bool:
        state = supervisor.states()["redis"]
        return state.healthy and state.pid not in (0, before) and state.restarts == 1

    wait_until(is_another, seconds=RESTART_SECONDS)


def test_what_a_killed_supervisor_leaves_is_ended(stack_folder: Path) -> None:
    assert stack_command("up", stack_folder, "--free-ports", "--only", "redis postgres").returncode == 0
    stack, supervisor = Stack.read(stack_folder), Supervisor(stack_folder)
    servers = {supervisor.states()[name].pid for name in ("redis", "postgres")}
    (own,) = set(supervisor.processes()) - servers
    os.kill(own, signal.SIGKILL)
    wait_until(lambda: not supervisor.is_alive(), seconds=RESTART_SECONDS)
    again = stack_command("up", stack_folder, "--free-ports", "--only", "redis")
    assert again.returncode == 1
    assert "are left" in again.stderr
    assert stack_command("down", stack_folder).returncode == 0
    assert supervisor.processes() == []
    assert [port for port in stack.ports if is_taken(port)] == []


def test_a_server_that_does_not_start_is_named_with_its_log_and_all_is_ended(stack_folder: Path) -> None:
    (stack_folder / "redis").mkdir()
    (stack_folder / "redis" / "appendonlydir").write_text("not a folder")
    failed = stack_command("up", stack_folder, "--free-ports", "--only", "redis s3")
    assert failed.returncode == 1
    assert failed.stderr.startswith("stack: redis did not become ready, all is ended again\n")
    assert "appendonlydir" in failed.stderr
    assert Supervisor(stack_folder).processes() == []


def test_a_taken_port_is_named_before_anything_starts(stack_folder: Path) -> None:
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((LOOPBACK, Ports().redis))
        listener.listen()
        refused = stack_command("up", stack_folder, "--only", "redis")
    assert refused.returncode == 1
    assert refused.stderr.startswith("stack: ports taken by somebody else, nothing was started: 16379 (redis)")
    assert list(stack_folder.iterdir()) == []


@pytest.mark.parametrize("order", ["down", "status"])
def test_without_a_stack_there_is_nothing_to_bring_down_or_to_tell(stack_folder: Path, order: str) -> None:
    done = stack_command(order, stack_folder)
    assert done.returncode == {"down": 0, "status": 1}[order]
    assert len((done.stdout + done.stderr).splitlines()) == 1
