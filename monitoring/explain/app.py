"""Composition root of explanations: POST /v1/explain and the page /explain, on a port and in a process of their own."""

import asyncio
import logging
import sys
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
from fastapi import Depends, FastAPI, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse

from monitoring.explain.explanation import Explanation, explain
from monitoring.explain.following import Clocks, Following, Sources
from monitoring.explain.form import read_form
from monitoring.explain.page import error_page, explanation_page, form_page
from monitoring.explain.similar import PastSearch
from monitoring.guard import guard
from smart_routing import request as routed
from smart_routing.callers import read_token
from smart_routing.errors import RequestTooLargeError, SettingsError, SmartRoutingError
from smart_routing.known_heavy.file import KnownHeavyFile
from smart_routing.logs import configure_logging, log_event
from smart_routing.policy import PolicyFile
from smart_routing.policy_store import open_policy
from smart_routing.protocol import EXPLAIN_PATH, HEADER_MODEL_VERSION, HEADER_TRANSACTION_ID
from smart_routing.querylog.s3 import SCHEME as S3_SCHEME
from smart_routing.querylog.s3 import connect
from smart_routing.querylog.store import open_store
from smart_routing.route_body import in_transaction, read_body
from smart_routing.settings import (
    ExplainSettings,
    HistorySettings,
    KnownHeavySettings,
    QueryLogSettings,
    S3Settings,
    ServingSettings,
)
from smart_routing.sources.opening import open_source
from smart_routing.sources.store import BundleStore
from smart_routing.stored_file import open_file

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_log = logging.getLogger(__name__)

PAGE_PATH: Final = "/explain"
MAX_BODY_BYTES: Final = 4 * 2**20
S3_PATIENCE_SECONDS: Final = 10.0
_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'",
    "Referrer-Policy": "no-referrer",
}


@dataclass(frozen=True, slots=True)
class Desk:
    """Answers one question at a time: explanations may take seconds, and the machine is not theirs alone."""

    following: Following
    past: PastSearch
    lock: threading.Lock

    def explain(self, request: routed.Request, pin: str | None = None) -> Explanation:
        with self.lock:
            explanation = explain(request, by=self.following.in_force(), past=self.past, pin=pin)
        log_event(
            _log,
            "explained",
            query_id=request.query_id,
            model_version=explanation.model_version,
            reason=explanation.reason,
        )
        return explanation


def create_app(settings: ExplainSettings | None = None) -> FastAPI:
    """The application. For `uvicorn --factory monitoring.explain:create_app`; raises `SettingsError`."""
    if settings is None:
        configure_logging(sys.stderr)
        settings = ExplainSettings.load()
    if settings.token_file is not None:
        read_token(settings.token_file)
    return explain_app(assemble(settings), token_file=settings.token_file)


def assemble(settings: ExplainSettings) -> Desk:
    """The desk that the settings of explanations, and of what they explain, describe; raises `SettingsError`."""
    try:
        settings.state_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        name = settings.variable("state_dir")
        raise SettingsError(f"{name} {settings.state_dir} cannot be used: {error.strerror}") from error
    clocks = Clocks(now=partial(datetime.now, UTC), monotonic=time.monotonic)
    log = QueryLogSettings.load().store
    past = PastSearch(
        store=open_store(log, s3=_s3() if log.startswith(S3_SCHEME) else None),
        days=settings.past_days,
        most=settings.past_statements,
    )
    following = Following(_sources(settings), clocks=clocks, look_seconds=settings.look_seconds)
    return Desk(following, past, threading.Lock())


def _sources(settings: ExplainSettings) -> Sources:
    serving, known_heavy = ServingSettings.load(), KnownHeavySettings.load()
    in_file = "://" not in known_heavy.store
    return Sources(
        model=open_source(serving.source, _s3),
        store=BundleStore(settings.state_dir),
        history=open_file(HistorySettings.load().snapshot, _s3, what="history snapshot"),
        policy=PolicyFile(open_policy(serving.policy_file, _s3)) if serving.policy_file else None,
        known_heavy=KnownHeavyFile(Path(known_heavy.store), max_entries=known_heavy.max_entries) if in_file else None,
        notes=() if in_file else ("The known heavy templates are in Redis, where explanations do not look.",),
    )


def _s3() -> "S3Client":
    return connect(S3Settings.load().endpoint_url, patience_seconds=S3_PATIENCE_SECONDS)


def explain_app(desk: Desk, *, token_file: Path | None) -> FastAPI:
    """The routes over a desk; without a token file only loopback is answered."""
    app = FastAPI(
        title="Trino Smart Routing, explanations",
        openapi_url=None,
        dependencies=[Depends(guard(token_file, page=PAGE_PATH))],
        exception_handlers={SmartRoutingError: _on_domain_error},
    )

    @app.post(EXPLAIN_PATH)
    async def explain_json(request: Request) -> Response:
        asked = read_body(await _content(request)).request(
            in_transaction=in_transaction(request.headers.get(HEADER_TRANSACTION_ID)), now=datetime.now(UTC)
        )
        explanation = await asyncio.to_thread(desk.explain, asked, request.headers.get(HEADER_MODEL_VERSION) or None)
        return Response(msgspec.json.encode(explanation), media_type="application/json", headers=_HEADERS)

    @app.get(PAGE_PATH)
    async def ask() -> Response:
        return HTMLResponse(form_page(), headers=_HEADERS)

    @app.post(PAGE_PATH)
    async def show(request: Request) -> Response:
        asked = read_form(await _content(request), now=datetime.now(UTC))
        page = explanation_page(asked, await asyncio.to_thread(desk.explain, asked))
        return HTMLResponse(page.encode("utf-8", "replace"), headers=_HEADERS)

    return app


async def _content(request: Request) -> bytes:
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > MAX_BODY_BYTES:
            raise RequestTooLargeError(f"body has more than {MAX_BODY_BYTES} bytes")
    return bytes(content)


async def _on_domain_error(request: Request, error: Exception) -> Response:
    status = error.status if isinstance(error, SmartRoutingError) else 500
    if request.url.path == PAGE_PATH:
        return HTMLResponse(error_page(str(error)), status, _HEADERS)
    return JSONResponse({"error": str(error)}, status, _HEADERS)
