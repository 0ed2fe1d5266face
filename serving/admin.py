"""The admin port: metrics, what is served and why, the order to look again, known-heavy templates; behind a token."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from fastapi import Depends, FastAPI, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from serving.http.bearer import check_token
from serving.http.errors import on_domain_error
from serving.known_heavy.api import KnownHeavyDesk, known_heavy_routes
from serving.metrics import Metrics
from serving.reload.history_watch import HistoryWatch
from serving.reload.quarantine import Quarantined
from serving.reload.reloader import Refusal, Reloader, ReloadOutcome
from smart_routing.errors import SmartRoutingError
from smart_routing.features.schema import SCHEMA_HASH
from smart_routing.router import Router


class Wire(BaseModel):
    """Base of the admin port's replies."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True, protected_namespaces=())


class RefusalReply(Wire):
    """The last version that was not taken."""

    version: str | None
    reason: str
    time: datetime


class QuarantineReply(Wire):
    """The version, or the history snapshot, that was rolled back and is not taken again, unless it was released."""

    name: str
    reason: str
    time: datetime
    released: bool


class CertificateReply(Wire):
    """What the version in force promises (smart_routing.bundle.Certificate)."""

    bound: float
    confidence: float
    heavies: int
    misses_allowed: int


class ModelReply(Wire):
    """The version in force and where it came from; nulls where there is none."""

    version: str | None
    previous_version: str | None
    loaded_versions: tuple[str, ...]
    manifest_sha256: str | None
    threshold: float | None
    certificate: CertificateReply | None
    feature_schema: str
    policy_revision: str
    known_heavy_generation: str
    history_snapshot: str | None
    history_as_of: datetime | None
    source: str | None
    loaded_at: datetime | None
    last_refusal: RefusalReply | None
    last_error: str | None
    quarantined: QuarantineReply | None
    history_quarantined: QuarantineReply | None


class RefreshReply(Wire):
    """How the look ended, and what is served after it."""

    outcome: ReloadOutcome
    model: ModelReply


@dataclass(frozen=True, slots=True, kw_only=True)
class AdminPort:
    """What the admin port tells of."""

    router: Router
    reloader: Reloader
    metrics: Metrics
    known_heavy: KnownHeavyDesk
    history: HistoryWatch

    def model(self) -> ModelReply:
        models, status, in_force = self.router.models, self.reloader.status, self.reloader.in_force
        model, history = models.current, self.history.in_force
        certificate = model.bundle.threshold.certificate if model else None
        return ModelReply(
            version=model.version if model else None,
            previous_version=models.previous.version if models.previous else None,
            loaded_versions=tuple(one.version for one in models.all),
            manifest_sha256=model.bundle.manifest_sha256 if model else None,
            threshold=model.probability(model.threshold) if model else None,
            certificate=CertificateReply(**asdict(certificate)) if certificate else None,
            feature_schema=SCHEMA_HASH,
            policy_revision=self.router.policy.revision,
            known_heavy_generation=self.router.known_heavy.generation,
            history_snapshot=history.snapshot if history is not None else None,
            history_as_of=history.as_of if history is not None else None,
            source=in_force.source if in_force else None,
            loaded_at=in_force.since if in_force else None,
            last_refusal=_refusal(status.last_refusal),
            last_error=status.last_error,
            quarantined=_quarantined(self.reloader.quarantined),
            history_quarantined=_quarantined(self.history.quarantined),
        )


def create_admin_app(port: AdminPort, *, token_file: Path | None) -> FastAPI:
    """The admin port's application; every path wants the token in `token_file`, where there is one."""
    app = FastAPI(
        title="Trino Smart Routing, admin",
        openapi_url=None,
        dependencies=[Depends(_guard(token_file))],
        exception_handlers={SmartRoutingError: on_domain_error},
    )

    @app.get("/metrics")
    async def metrics() -> Response:
        return Response(generate_latest(port.metrics.registry), media_type=CONTENT_TYPE_LATEST)

    @app.get("/v1/model")
    async def model() -> ModelReply:
        return port.model()

    @app.post("/v1/model/refresh")
    async def refresh() -> RefreshReply:
        outcome = await asyncio.to_thread(port.reloader.check, force=True)
        return RefreshReply(outcome=outcome, model=port.model())

    @app.post("/v1/model/release")
    async def release() -> RefreshReply:
        outcome = await asyncio.to_thread(port.reloader.release)
        return RefreshReply(outcome=outcome, model=port.model())

    @app.post("/v1/history/release")
    async def release_history() -> ModelReply:
        await asyncio.to_thread(port.history.release)
        return port.model()

    app.include_router(known_heavy_routes(port.known_heavy))
    return app


def _guard(token_file: Path | None) -> Callable[[Request], Awaitable[None]]:
    async def check(request: Request) -> None:
        if token_file is not None:
            check_token(request, token_file)

    return check


def _refusal(refusal: Refusal | None) -> RefusalReply | None:
    return RefusalReply(**asdict(refusal)) if refusal else None


def _quarantined(held: Quarantined | None) -> QuarantineReply | None:
    return QuarantineReply(**asdict(held)) if held else None
