"""The data port: POST /v1/route, POST /v1/trino-gateway/route, /healthz and /readyz."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from functools import partial
from typing import Final, TypedDict

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from serving.body import read_bounded
from serving.errors import on_domain_error, on_unforeseen_error
from serving.gateway_route import GatewayRoute
from serving.service import RoutingService
from serving.wire import RoutingGroups, read_headers, reply_bytes
from smart_routing.errors import SmartRoutingError
from smart_routing.protocol import GATEWAY_ROUTE_PATH, HEADER_MODEL_VERSION, ROUTE_PATH
from smart_routing.route_body import read_body

MAX_BODY_BYTES: Final = 4 * 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class DataPort:
    """What the handlers of the data port need."""

    service: RoutingService
    groups: RoutingGroups
    deadline_ms: float
    gateway_route: GatewayRoute


class DataState(TypedDict):
    """What the lifespan yields: `request.state.data_port`."""

    data_port: DataPort


Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[DataState]]


def create_data_app(lifespan: Lifespan) -> FastAPI:
    """The data port's application; `lifespan` yields its state."""
    app = FastAPI(
        title="Trino Smart Routing",
        lifespan=lifespan,
        openapi_url=None,
        exception_handlers={SmartRoutingError: on_domain_error, Exception: on_unforeseen_error},
    )
    # Plain routes: FastAPI's dependency solving would cost a decision more than its parse.
    app.add_route(ROUTE_PATH, route, methods=["POST"])
    app.add_route(GATEWAY_ROUTE_PATH, route_for_gateway, methods=["POST"])
    app.add_route("/healthz", healthz, methods=["GET"])
    app.add_route("/readyz", readyz, methods=["GET"])
    return app


async def route(request: Request) -> Response:
    """One decision."""
    port: DataPort = request.state.data_port
    clocks = port.service.clocks
    arrived = clocks.monotonic()
    content = await read_content(request)
    request.state.content = content
    headers = read_headers(request.headers, default_budget_ms=port.deadline_ms)
    body = read_body(content)
    decision = await port.service.decide(
        body.request(in_transaction=headers.in_transaction, now=clocks.now()),
        deadline=arrived + headers.budget_ms / 1000,
        pin=headers.pin,
    )
    reply = reply_bytes(body.query_id, decision, port.groups)
    port.service.metrics.total_seconds.observe(clocks.monotonic() - arrived)
    version = {HEADER_MODEL_VERSION: decision.model_version} if decision.model_version else None
    return Response(reply, headers=version, media_type="application/json")


async def route_for_gateway(request: Request) -> Response:
    """One decision, as trino-gateway wants it told: whatever happens, a 200 with a group or none."""
    port: DataPort = request.state.data_port
    reply = await port.gateway_route.reply(request.headers, partial(read_content, request))
    return Response(reply, media_type="application/json")


async def healthz(_: Request) -> Response:
    """The process lives."""
    return PlainTextResponse("ok")


async def readyz(request: Request) -> Response:
    """A model is loaded and warm."""
    port: DataPort = request.state.data_port
    model = port.service.router.models.current
    return PlainTextResponse(model.version if model else "no model is loaded", 200 if model else 503)


async def read_content(request: Request) -> bytes:
    """The body; raises `RequestTooLargeError` as soon as it is known to be over 4 MiB."""
    return await read_bounded(request, max_bytes=MAX_BODY_BYTES)
