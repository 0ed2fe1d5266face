"""A collector in this process: its real application and lifespan, asked without a network."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, ExitStack
from types import TracebackType
from typing import Any, Self

import httpx
from starlette.types import Message

from serving.collector import Components
from serving.events.endpoint import create_collector_app
from smart_routing.protocol import QUERY_EVENTS_PATH
from tests.served import with_state


class Collected:
    """Runs within `with`; requests come from the address `host`."""

    def __init__(self, components: Components, *, host: str = "127.0.0.1") -> None:
        self._components = components
        self._host = host
        self._runner = asyncio.Runner()
        self._stack = AsyncExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.callback(self._runner.close)
            self._runner.run(self._start())
            stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._runner.run(self._stack.aclose())
        self._runner.close()

    def post(self, body: bytes, *, declared: bool = True, headers: dict[str, str] | None = None) -> httpx.Response:
        """POST /v1/query-events, its length declared in a header or not."""
        content = body if declared else _chunks(body)
        return self._request("POST", "/v1/query-events", content=content, headers=headers)

    def break_off(self, beginning: bytes) -> None:
        """Sends the beginning of a body, and goes away."""
        self._runner.run(self._break_off(beginning))

    def get(self, path: str, *, headers: dict[str, str] | None = None) -> httpx.Response:
        return self._request("GET", path, headers=headers)

    def _request(self, method: str, path: str, **options: Any) -> httpx.Response:
        return self._runner.run(self._client.request(method, path, **options))

    async def _start(self) -> None:
        app = create_collector_app(self._components.lifespan)
        state = await self._stack.enter_async_context(self._components.lifespan(app))
        self._app = with_state(app, dict(state))
        transport = httpx.ASGITransport(self._app, client=(self._host, 50_000))
        client = httpx.AsyncClient(transport=transport, base_url="http://collector")
        self._client = await self._stack.enter_async_context(client)

    async def _break_off(self, beginning: bytes) -> None:
        messages: list[Message] = [
            {"type": "http.request", "body": beginning, "more_body": True},
            {"type": "http.disconnect"},
        ]

        async def receive() -> Message:
            return messages.pop(0)

        async def send(_: Message) -> None:
            pass

        scope = {"type": "http", "method": "POST", "path": QUERY_EVENTS_PATH, "query_string": b"", "headers": []}
        await self._app({**scope, "client": (self._host, 50_000)}, receive, send)


async def _chunks(body: bytes) -> AsyncIterator[bytes]:
    yield body
