"""POST /v1/query-events, beside /healthz, /readyz and /metrics."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Final, TypedDict

from fastapi import FastAPI, HTTPException
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from serving.events.metrics import EventOutcome
from serving.events.sink import EventSink
from serving.http.bearer import check_token
from serving.http.body import read_bounded
from smart_routing.callers import is_loopback
from smart_routing.errors import RequestError, RequestTooLargeError, SmartRoutingError
from smart_routing.protocol import QUERY_EVENTS_PATH

RETRY_AFTER_SECONDS: Final = 1


@dataclass(frozen=True, slots=True)
class Collector:
    """What the handlers need."""

    sink: EventSink
    token_file: Path | None
    max_body_bytes: int


class CollectorState(TypedDict):
    """What the lifespan yields: `request.state.collector`."""

    collector: Collector


Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[CollectorState]]


def create_collector_app(lifespan: Lifespan) -> FastAPI:
    """The collector's application; `lifespan` yields its state."""
    app = FastAPI(title="Trino Smart Routing, collector", lifespan=lifespan, openapi_url=None)
    app.add_route(QUERY_EVENTS_PATH, take_event, methods=["POST"])
    app.add_route("/healthz", healthz, methods=["GET"])
    app.add_route("/readyz", readyz, methods=["GET"])
    app.add_route("/metrics", metrics, methods=["GET"])
    return app


async def take_event(request: Request) -> Response:
    """200 for what is on disk or need not be, 503 with Retry-After for what the sender is to send again."""
    collector: Collector = request.state.collector
    count = collector.sink.metrics.count
    try:
        authorize(request, collector.token_file)
        body = await read_bounded(request, max_bytes=collector.max_body_bytes)
        return JSONResponse({"outcome": collector.sink.take(body)})
    except HTTPException as error:
        count(EventOutcome.UNAUTHORIZED if error.status_code == HTTPStatus.UNAUTHORIZED else EventOutcome.REFUSED)
        raise
    except RequestTooLargeError as error:
        count(EventOutcome.TOO_LARGE)
        return JSONResponse({"error": str(error)}, error.status)
    except RequestError as error:
        count(EventOutcome.BROKEN_OFF)
        return JSONResponse({"error": str(error)}, error.status)  # to nobody
    except SmartRoutingError as error:
        count(EventOutcome.REFUSED)
        return JSONResponse({"error": str(error)}, error.status, {"Retry-After": str(RETRY_AFTER_SECONDS)})


async def healthz(_: Request) -> Response:
    """The process lives."""
    return PlainTextResponse("ok")


async def readyz(request: Request) -> Response:
    """The spill takes events, which a store that is down does not change."""
    collector: Collector = request.state.collector
    refusal = collector.sink.spill.refusal
    return PlainTextResponse(refusal or "ok", 503 if refusal else 200)


async def metrics(request: Request) -> Response:
    """Prometheus's, behind the same token."""
    collector: Collector = request.state.collector
    authorize(request, collector.token_file)
    return Response(generate_latest(collector.sink.metrics.registry), media_type=CONTENT_TYPE_LATEST)


def authorize(request: Request, token_file: Path | None) -> None:
    """Raises a 401 for a caller without the token, or from beyond loopback where there is no token."""
    if token_file is not None:
        check_token(request, token_file)
    elif request.client is None or not is_loopback(request.client.host):
        raise HTTPException(401, "without a token file only loopback is answered")
