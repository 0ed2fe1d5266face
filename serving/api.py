"""The data port: both routes as plain ASGI, and by FastAPI what is asked rarely, /docs among it."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, TypedDict

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from serving.http.body import read_content
from serving.http.errors import failure
from serving.http.headers import Headers, headers_of
from serving.http.reply import Reply
from serving.openapi import describe
from serving.service import RoutingService
from serving.trino_gateway.route import GatewayRoute
from serving.wire import RoutingGroups, read_headers, reply_bytes
from smart_routing.protocol import GATEWAY_ROUTE_PATH, ROUTE_PATH
from smart_routing.route_body import read_body

MAX_BODY_BYTES: Final = 4 * 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class DataPort:
    """What the handlers of the data port need."""

    service: RoutingService
    groups: RoutingGroups
    deadline_ms: float
    gateway_route: GatewayRoute

    async def decide(self, content: bytes, headers: Headers, *, arrived: float) -> Reply:
        """One decision; `arrived` is on the monotonic clock. Raises what the contract has an error for."""
        service = self.service
        told = read_headers(headers, default_budget_ms=self.deadline_ms)
        body = read_body(content)
        decision = await service.decide(
            body.request(in_transaction=told.in_transaction, now=service.clocks.now()),
            deadline=arrived + told.budget_ms / 1000,
            pin=told.pin,
        )
        reply = Reply(reply_bytes(body.query_id, decision, self.groups), model_version=decision.model_version)
        service.metrics.total_seconds.observe(service.clocks.monotonic() - arrived)
        return reply


class DataState(TypedDict):
    """What the lifespan yields: `state` of every scope."""

    data_port: DataPort


Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[DataState]]


class DataApp(FastAPI):
    """FastAPI with two paths that never reach it: its request, response and middleware cost more than a decision."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_post = scope["type"] == "http" and scope["method"] == "POST"
        answer = HOT_PATHS.get(scope["path"]) if is_post else None
        await (answer or super().__call__)(scope, receive, send)

    def openapi(self) -> dict[str, Any]:
        return describe(title=self.title, version=self.version)


@dataclass(frozen=True, slots=True)
class Hot:
    """An endpoint that Starlette leaves as it is; it sees only requests that are no POST, and answers them by a 405."""

    answer: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.answer(scope, receive, send)


def create_data_app(lifespan: Lifespan) -> FastAPI:
    """The data port's application; `lifespan` yields its state."""
    app = DataApp(title="Trino Smart Routing", lifespan=lifespan, redoc_url=None)
    for path, answer in HOT_PATHS.items():
        app.router.routes.append(Route(path, Hot(answer), methods=["POST"]))
    app.add_route("/healthz", healthz, methods=["GET"])
    app.add_route("/readyz", readyz, methods=["GET"])
    return app


async def route(scope: Scope, receive: Receive, send: Send) -> None:
    """One decision."""
    port: DataPort = scope["state"]["data_port"]
    arrived, headers, content = port.service.clocks.monotonic(), headers_of(scope), b""
    try:
        content = await read_content(headers, receive, max_bytes=MAX_BODY_BYTES)
        reply = await port.decide(content, headers, arrived=arrived)
    except Exception as error:  # each has a status
        reply = failure(error, content)
    await reply.send(send)


async def route_for_gateway(scope: Scope, receive: Receive, send: Send) -> None:
    """One decision, as trino-gateway wants it told: whatever happens, a 200 with a group or none."""
    port: DataPort = scope["state"]["data_port"]
    headers = headers_of(scope)
    read = partial(read_content, headers, receive, max_bytes=MAX_BODY_BYTES)
    await Reply(await port.gateway_route.reply(headers, read)).send(send)


HOT_PATHS: Final[dict[str, ASGIApp]] = {ROUTE_PATH: route, GATEWAY_ROUTE_PATH: route_for_gateway}


async def healthz(_: Request) -> Response:
    """The process lives."""
    return PlainTextResponse("ok")


async def readyz(request: Request) -> Response:
    """A model is loaded and warm."""
    port: DataPort = request.state.data_port
    model = port.service.router.models.current
    return PlainTextResponse(model.version if model else "no model is loaded", 200 if model else 503)
