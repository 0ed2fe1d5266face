"""A collector in this process: its real application and lifespan, asked without a network."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, ExitStack
from types import TracebackType
from typing import Any, Self

import httpx

from serving.collector import Components
from serving.events.endpoint import create_collector_app
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

    def get(self, path: str, *, headers: dict[str, str] | None = None) -> httpx.Response:
        return self._request("GET", path, headers=headers)

    def _request(self, method: str, path: str, **options: Any) -> httpx.Response:
        return self._runner.run(self._client.request(method, path, **options))

    async def _start(self) -> None:
        app = create_collector_app(self._components.lifespan)
        state = await self._stack.enter_async_context(self._components.lifespan(app))
        transport = httpx.ASGITransport(with_state(app, dict(state)), client=(self._host, 50_000))
        client = httpx.AsyncClient(transport=transport, base_url="http://collector")
        self._client = await self._stack.enter_async_context(client)


async def _chunks(body: bytes) -> AsyncIterator[bytes]:
    yield body
