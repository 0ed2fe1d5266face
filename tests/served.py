"""A router in this process: its real application and lifespan, asked without a network."""

import asyncio
import json
from collections.abc import Callable
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Any, Self

import httpx
from starlette.types import ASGIApp, Receive, Scope, Send

from serving.app import assemble
from smart_routing.decision_log import LoggedDecision, read_decisions
from smart_routing.settings import HistorySettings, KnownHeavySettings, ReloadSettings, ServingSettings


class Served:
    """Both ports of one worker; within `with`, it runs. `components` are the parts that it is made of."""

    def __init__(
        self,
        settings: ServingSettings,
        known_heavy: KnownHeavySettings | None = None,
        *,
        reload: ReloadSettings | None = None,
    ) -> None:
        beside = KnownHeavySettings(store=str(settings.state_dir / "known-heavy.jsonl"), poll_seconds=3600)
        history = HistorySettings(snapshot=str(settings.state_dir / "history.npz"), poll_seconds=3600)
        self.components = assemble(settings, known_heavy or beside, history=history, reload=reload)
        self._runner = asyncio.Runner()
        self._stack = AsyncExitStack()

    def __enter__(self) -> Self:
        self._runner.run(self._start())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._runner.run(self._stack.aclose())
        self._runner.close()

    def route(self, sql: str, *, headers: dict[str, str] | None = None, **fields: Any) -> httpx.Response:
        """POST /v1/route with a body that is the contract, `fields` added or changed."""
        body = {"queryId": "q-1", "user": "ana", "sqlText": sql, "submittedAt": "2026-10-05T12:00:00Z"} | fields
        return self.data("POST", "/v1/route", json=body, headers=headers)

    def gateway(self, body: Any, *, headers: dict[str, str] | None = None) -> httpx.Response:
        """POST /v1/trino-gateway/route; bytes are sent as they are, anything else as JSON."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.data("POST", "/v1/trino-gateway/route", content=content, headers=headers)

    def decisions(self) -> list[LoggedDecision]:
        """The decision log so far."""
        log, folder = self.components.decision_log, self.components.settings.decision_log
        if log is None or folder is None:
            return []
        log.flush()
        return list(read_decisions(folder)) if folder.exists() else []

    def data(self, method: str, path: str, **options: Any) -> httpx.Response:
        """A request to the data port."""
        return self._runner.run(self._data.request(method, path, **options))

    def admin(self, method: str, path: str, **options: Any) -> httpx.Response:
        """A request to the admin port."""
        return self._runner.run(self._admin.request(method, path, **options))

    def outside(self, ask: Callable[[], httpx.Response]) -> httpx.Response:
        """What `ask` gets from another thread, as a client beyond the router's own loop."""
        return self._runner.run(asyncio.to_thread(ask))

    def metric(self, name: str, **labels: str) -> float:
        """A sample of /metrics; 0 where there is none."""
        return self.components.admin_port.metrics.registry.get_sample_value(name, labels) or 0.0

    async def _start(self) -> None:
        app = self.components.data_app()
        state = await self._stack.enter_async_context(self.components.lifespan(app))
        self._data = await self._client(with_state(app, dict(state)))
        self._admin = await self._client(self.components.admin_app())

    async def _client(self, app: ASGIApp) -> httpx.AsyncClient:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        client = httpx.AsyncClient(transport=transport, base_url="http://router")
        return await self._stack.enter_async_context(client)


def with_state(app: ASGIApp, state: dict[str, Any]) -> ASGIApp:
    """What a server does with the state that a lifespan yields."""

    async def run(scope: Scope, receive: Receive, send: Send) -> None:
        await app({**scope, "state": dict(state)}, receive, send)

    return run
