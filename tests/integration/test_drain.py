"""SIGTERM to a router that many clients ask without a pause: every request that was sent is answered."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Final

import pytest
from uvicorn.config import STARTUP_FAILURE

from infra.local.processes import LOOPBACK, free_port, running
from infra.local.servers.programs import ROOT
from infra.local.servers.router import router
from smart_routing.protocol import ROUTE_PATH
from tests.bundles import JoinModel
from tests.process_tree import alive, tree
from tests.shell import Shell, own_environment
from tests.waiting import wait_until

BUSY: Final = 24
PAUSING: Final = 8
PAUSE_SECONDS: Final = 0.3
"""Shorter than the second for which connections without a request are kept."""

BODY: Final = json.dumps({"queryId": "q", "user": "ana", "sqlText": "select * from a join b on a.x = b.x"})


@dataclass
class Clients:
    """Each asks on a connection for as long as it stays open, then on another, until it cannot connect."""

    port: int
    answered: int = 0
    told_to_close: int = 0
    lost: list[str] = field(default_factory=list)

    @contextmanager
    def asking(self) -> Iterator[None]:
        pauses = [0.0] * BUSY + [PAUSE_SECONDS] * PAUSING
        threads = [threading.Thread(target=self._ask, args=(pause,), daemon=True) for pause in pauses]
        for thread in threads:
            thread.start()
        yield
        for thread in threads:
            thread.join(20)
        assert not any(thread.is_alive() for thread in threads)

    def _ask(self, pause: float) -> None:
        while True:
            connection = HTTPConnection(LOOPBACK, self.port, timeout=10)
            connection.auto_open = 0
            try:
                connection.connect()
            except OSError:
                return
            if not self._use(connection, pause):
                return

    def _use(self, connection: HTTPConnection, pause: float) -> bool:
        """Whether all was answered that was sent."""
        is_last = False
        while not is_last:
            try:
                connection.request("POST", ROUTE_PATH, BODY)
                reply = connection.getresponse()
                content = reply.read()
            except (OSError, HTTPException) as error:
                self.lost.append(repr(error))
                return False
            if reply.status != 200 or json.loads(content)["reason"] != "model":
                self.lost.append(f"{reply.status} {content!r}")
            self.answered += 1
            is_last = reply.will_close
            time.sleep(pause)
        self.told_to_close += 1
        connection.close()
        return True


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("to_all", [False, True], ids=["to-the-parent", "to-the-group"])
def test_every_request_that_was_sent_is_answered(
    tmp_path: Path, workers: int, to_all: bool, figure: Callable[[str], None]
) -> None:
    JoinModel().publish(tmp_path / "v1")
    environment = own_environment(
        tmp_path,
        SMART_ROUTING_SERVING_SOURCE=str(tmp_path / "v1"),
        SMART_ROUTING_SERVING_WORKERS=str(workers),
        SMART_ROUTING_SERVING_ADMIN_PORT=str(free_port()),
    )
    clients = Clients(free_port())
    with running(router(tmp_path / "router", clients.port, environment=environment)) as process:
        with clients.asking():
            wait_until(lambda: clients.answered > 500, seconds=30)
            processes, began = tree([process.pid]), time.monotonic()
            (os.killpg if to_all else os.kill)(process.pid, signal.SIGTERM)
            code = process.wait(15)
        figure(f"drain of {workers} worker(s): {time.monotonic() - began:.1f} s, {clients.answered} answers, 0 lost")
    assert clients.lost == []
    assert clients.told_to_close >= BUSY + PAUSING
    assert code == (-signal.SIGTERM if workers == 1 else 0)
    assert len(processes) == (1 if workers == 1 else workers + 1)
    assert alive(processes) == set()


def test_worker_that_ends_alone_is_replaced_and_costs_no_request(tmp_path: Path) -> None:
    JoinModel().publish(tmp_path / "v1")
    environment = own_environment(
        tmp_path,
        SMART_ROUTING_SERVING_SOURCE=str(tmp_path / "v1"),
        SMART_ROUTING_SERVING_WORKERS="2",
        SMART_ROUTING_SERVING_ADMIN_PORT=str(free_port()),
    )
    clients = Clients(free_port())
    with running(router(tmp_path / "router", clients.port, environment=environment)) as process:
        wait_until(lambda: len(tree([process.pid])) == 3, seconds=30)
        workers = tree([process.pid]) - {process.pid}
        with clients.asking():
            os.kill(min(workers), signal.SIGTERM)
            wait_until(lambda: len(tree([process.pid]) - workers) == 2, seconds=30)  # the parent and a new worker
            seen = clients.answered
            wait_until(lambda: clients.answered > seen + 200, seconds=30)
            process.terminate()
            assert process.wait(15) == 0
    assert clients.lost == []


def test_workers_that_cannot_start_end_it(tmp_path: Path) -> None:
    environment = own_environment(
        tmp_path,
        SMART_ROUTING_SERVING_SOURCE=str(tmp_path),
        SMART_ROUTING_SERVING_PORT=str(free_port()),
        SMART_ROUTING_SERVING_WORKERS="2",
        SMART_ROUTING_SERVING_ADMIN_PORT=str(free_port()),
        SMART_ROUTING_SERVING_ADMIN_HOST="127.0.0.1.nowhere.invalid",
        SMART_ROUTING_SERVING_ADMIN_TOKEN_FILE=str(tmp_path / "token"),
    )
    (tmp_path / "token").write_text("secret")
    done = Shell(environment).python("-m", "serving")
    assert done.returncode == STARTUP_FAILURE
    assert "none of" in done.stderr


def test_port_that_another_has_is_told_in_one_line(tmp_path: Path) -> None:
    with socket.create_server((LOOPBACK, 0)) as other:
        port = other.getsockname()[1]
        environment = own_environment(
            tmp_path,
            SMART_ROUTING_SERVING_SOURCE=str(tmp_path),
            SMART_ROUTING_SERVING_PORT=str(port),
            SMART_ROUTING_SERVING_ADMIN_PORT="0",
        )
        done = Shell(environment).python("-m", "serving")
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert done.stderr == f"data port: {LOOPBACK} port {port} cannot be had: Address already in use\n"


@pytest.mark.parametrize("workers", [1, 2])
def test_router_that_is_late_at_a_port_ends_with_one_line(tmp_path: Path, workers: int) -> None:
    registry = socket.create_server((LOOPBACK, 0))
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind((LOOPBACK, 0))  # as a router does before it listens
        environment = own_environment(
            tmp_path,
            SMART_ROUTING_SERVING_SOURCE="models:/query-weight-classifier@production",
            SMART_ROUTING_REGISTRY_URI=f"http://{LOOPBACK}:{registry.getsockname()[1]}",
            SMART_ROUTING_SERVING_PORT=str(other.getsockname()[1]),
            SMART_ROUTING_SERVING_WORKERS=str(workers),
            SMART_ROUTING_SERVING_ADMIN_PORT="0",
        )
        command = [sys.executable, "-m", "serving"]
        with subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True) as late:
            asked, _ = registry.accept()  # its first look: the port is bound by now
            other.listen()
            asked.close()
            registry.close()
            _, told = late.communicate(timeout=30)
    lines = [line for line in told.splitlines() if not line.startswith("{")]
    assert late.returncode == 2
    assert set(lines) == {"data port: another process listens there: Address already in use"}


def stop_one(pid: int) -> int:
    """One of a router's two workers is stopped: it neither answers nor hears a signal, as in a parse without end."""
    wait_until(lambda: len(tree([pid])) == 3, seconds=30)
    worker = min(tree([pid]) - {pid})
    os.kill(worker, signal.SIGSTOP)
    return worker


def test_worker_that_is_stuck_is_replaced(tmp_path: Path) -> None:
    JoinModel().publish(tmp_path / "v1")
    environment = own_environment(
        tmp_path,
        SMART_ROUTING_SERVING_SOURCE=str(tmp_path / "v1"),
        SMART_ROUTING_SERVING_WORKERS="2",
        SMART_ROUTING_SERVING_ADMIN_PORT=str(free_port()),
    )
    with running(router(tmp_path / "router", free_port(), environment=environment)) as process:
        time.sleep(2.0)  # both workers are up
        stuck = stop_one(process.pid)
        wait_until(lambda: stuck not in tree([process.pid]) and len(tree([process.pid])) == 3, seconds=30)
        process.terminate()
        assert process.wait(15) == 0


def test_worker_that_does_not_hear_the_end_is_killed(tmp_path: Path) -> None:
    JoinModel().publish(tmp_path / "v1")
    environment = own_environment(
        tmp_path,
        SMART_ROUTING_SERVING_SOURCE=str(tmp_path / "v1"),
        SMART_ROUTING_SERVING_WORKERS="2",
        SMART_ROUTING_SERVING_ADMIN_PORT=str(free_port()),
        SMART_ROUTING_SERVING_DRAIN_SECONDS="0",
    )
    with running(router(tmp_path / "router", free_port(), environment=environment)) as process:
        processes = tree([process.pid])
        stop_one(process.pid)
        process.terminate()
        assert process.wait(30) == 0
    assert alive(processes) == set()


def test_connections_that_stay_silent_do_not_keep_the_router(tmp_path: Path) -> None:
    JoinModel().publish(tmp_path / "v1")
    environment = own_environment(
        tmp_path,
        SMART_ROUTING_SERVING_SOURCE=str(tmp_path / "v1"),
        SMART_ROUTING_SERVING_ADMIN_PORT="0",
        SMART_ROUTING_SERVING_DRAIN_SECONDS="0.2",
    )
    server = router(tmp_path / "router", free_port(), environment=environment)
    with running(server) as process:
        connection = HTTPConnection(server.url.removeprefix("http://"), timeout=10)
        connection.request("GET", "/healthz")
        assert connection.getresponse().read() == b"ok"
        process.terminate()
        process.wait(5)
        connection.close()
