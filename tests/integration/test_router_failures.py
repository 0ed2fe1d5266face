"""A router that is gone, slow or mad, behind the real gateway: every statement succeeds, on large."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from statistics import median
from threading import Thread
from typing import Any, Final

import pytest

from infra.local.processes import LOOPBACK
from infra.local.servers import Backend, add_backend, backend_is_healthy, gateway_server
from infra.local.stack.state import Stack
from tests.fleet import Session, TrinoClient
from tests.waiting import wait_until

pytestmark = [pytest.mark.service, pytest.mark.timeout(600)]

STATEMENTS: Final = 10
WHERE_AM_I: Final = "select node_id from system.runtime.nodes"
FOUND_SMALL: Final = json.dumps({"routingGroup": "small", "errors": [], "externalHeaders": {}}).encode()
FOUND_LARGE: Final = json.dumps({"routingGroup": "large", "errors": [], "externalHeaders": {}}).encode()

Behaviour = Callable[[BaseHTTPRequestHandler], None]


def answer(content: bytes, *, status: int = 200, kind: str = "application/json", after: float = 0.0) -> Behaviour:
    def behave(handler: BaseHTTPRequestHandler) -> None:
        time.sleep(after)
        handler.send_response(status)
        handler.send_header("Content-Type", kind)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)

    return behave


def hang_up(handler: BaseHTTPRequestHandler) -> None:
    handler.connection.close()


class FakeRouter:
    """Answers every question of the gateway as `behaviour` says."""

    def __init__(self) -> None:
        self._server: ThreadingHTTPServer | None = None
        self.port = 0
        self.asked = 0
        self.behaviour: Behaviour = answer(FOUND_LARGE)

    def start(self) -> None:
        router = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:  # the name is the library's
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                router.asked += 1
                with suppress(OSError):  # the gateway gave up before
                    router.behaviour(self)

            def log_message(self, format: str, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer((LOOPBACK, self.port), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_port
        Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        if self._server is not None:
            self.behaviour = hang_up  # on connections that were kept
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    @contextmanager
    def failing(self, behaviour: Behaviour | None) -> Iterator[None]:
        """It behaves so for the length of the block, and listens again after it, however it ends."""
        if behaviour is not None:
            self.behaviour = behaviour
            yield
            return
        self.stop()
        try:
            yield
        finally:
            self.start()


@pytest.fixture(scope="module")
def router() -> Iterator[FakeRouter]:
    router = FakeRouter()
    router.start()
    yield router
    router.stop()


@pytest.fixture(scope="module")
def gateway(
    stack: Stack, router: FakeRouter, postgres_database: Callable[[], str], new_server_folder: Callable[[str], Path]
) -> Iterator[TrinoClient]:
    """A gateway of its own, before the stack's clusters, that asks the fake router."""
    with gateway_server(
        new_server_folder("failing-gateway"), database=postgres_database(), router=f"http://{LOOPBACK}:{router.port}"
    ) as url:
        for group in ("small", "large"):
            add_backend(url, Backend(name=f"{group}-1", url=stack.urls[f"trino-{group}"], group=group))
        for group in ("small", "large"):
            wait_until(lambda group=group: backend_is_healthy(url, f"{group}-1"), seconds=30)  # type: ignore[misc]
        yield TrinoClient(url)


def milliseconds(gateway: TrinoClient, *, node: str) -> float:
    """The median of a few statements, each of which succeeds on `node`'s cluster."""
    took = []
    for _ in range(STATEMENTS):
        began = time.perf_counter()
        ran = gateway.run(WHERE_AM_I, Session())
        took.append(1000 * (time.perf_counter() - began))
        assert ran.error is None
        assert [row[0].partition("-")[0] for row in ran.rows] == [node]
    return median(took)


FAILURES: Final[dict[str, Behaviour | None]] = {
    "down": None,
    "slow": answer(FOUND_SMALL, after=2.0),
    "status 500": answer(b'{"error": "broken"}', status=500),
    "garbage": answer(b"\x00 no json"),
    "HTML": answer(b"<html></html>", kind="text/html"),
    "unknown group": answer(b'{"routingGroup": "no-such-group", "errors": []}'),
    "empty": answer(b""),
    "hangs up": hang_up,
}


@pytest.mark.parametrize("failure", FAILURES)
def test_every_statement_succeeds_on_large(
    gateway: TrinoClient,
    router: FakeRouter,
    failure: str,
    figure: Callable[[str], None],
) -> None:
    behaviour = FAILURES[failure]
    router.behaviour = answer(FOUND_SMALL)
    healthy = milliseconds(gateway, node="small")
    asked = router.asked
    with router.failing(behaviour):
        failing = milliseconds(gateway, node="large")
    assert behaviour is None or router.asked > asked
    figure(
        f"router {failure}: a statement takes {failing:.0f} ms, {failing - healthy:+.0f} ms (medians of {STATEMENTS})"
    )
