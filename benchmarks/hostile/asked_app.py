"""An ASGI application asked without a network, its lifespan run as a server runs it."""

import asyncio
import time
from types import TracebackType
from typing import Any, Self

from starlette.types import ASGIApp, Message, Scope

from benchmarks.hostile.judge import Reply
from benchmarks.hostile.requests import FuzzedRequest


class AskedApp:
    """Within `with`, it runs."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._runner = asyncio.Runner()
        self._state: dict[str, Any] = {}

    def __enter__(self) -> Self:
        self._runner.run(self._start())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._runner.run(self._stop())
        self._runner.close()

    def ask(self, request: FuzzedRequest) -> Reply:
        """Status 500 for an error that nobody caught."""
        return self._runner.run(self._ask(request))

    async def _start(self) -> None:
        self._orders: asyncio.Queue[Message] = asyncio.Queue()
        self._told: asyncio.Queue[Message] = asyncio.Queue()
        scope: Scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": self._state}
        self._lifespan = asyncio.create_task(_run(self._app, scope, self._orders, self._told))
        await self._order("startup")

    async def _stop(self) -> None:
        await self._order("shutdown")
        await self._lifespan

    async def _order(self, name: str) -> None:
        await self._orders.put({"type": f"lifespan.{name}"})
        told = await self._told.get()
        if told["type"] != f"lifespan.{name}.complete":
            raise RuntimeError(f"the application's {name} failed: {told.get('message')}")

    async def _ask(self, request: FuzzedRequest) -> Reply:
        received: asyncio.Queue[Message] = asyncio.Queue()
        sent: asyncio.Queue[Message] = asyncio.Queue()
        received.put_nowait({"type": "http.request", "body": request.content, "more_body": False})
        begun, ran = time.perf_counter(), time.thread_time()
        try:
            await _run(self._app, _scope(request, dict(self._state)), received, sent)
        except Exception:  # what a server would log, and answer with a 500
            return Reply(500, b"", time.perf_counter() - begun)
        seconds, cpu_seconds = time.perf_counter() - begun, time.thread_time() - ran
        messages = [sent.get_nowait() for _ in range(sent.qsize())]
        content = b"".join(message.get("body", b"") for message in messages)
        return Reply(messages[0]["status"], content, seconds, cpu_seconds)


async def _run(app: ASGIApp, scope: Scope, received: asyncio.Queue[Message], sent: asyncio.Queue[Message]) -> None:
    await app(scope, received.get, sent.put)


def _scope(request: FuzzedRequest, state: dict[str, Any]) -> Scope:
    headers = {"host": "router", "content-length": str(len(request.content)), **request.headers}
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": request.path,
        "raw_path": request.path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
        "state": state,
    }
