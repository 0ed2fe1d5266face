"""Composition root of the router: settings, clocks and clients come together here and nowhere else."""

import asyncio
import logging
import os
import random
import secrets
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Final
from uuid import uuid4

import httpx
from fastapi import FastAPI

from serving.admin import AdminPort, create_admin_app
from serving.api import DataPort, DataState, create_data_app
from serving.known_heavy.api import KnownHeavyDesk
from serving.known_heavy.opening import open_known_heavy
from serving.known_heavy.watch import KnownHeavyWatch
from serving.metrics import Metrics
from serving.process.background import Background
from serving.process.garbage import IdleCollection
from serving.process.listener import bind, listening
from serving.reload.following import Around, Following, trip_limits
from serving.reload.policy_watch import PolicyWatch
from serving.reload.tripwire import Tripwire
from serving.service import Clocks, Recording, RoutingService
from serving.trino_gateway.groups import check_gateway_groups
from serving.trino_gateway.route import GatewayRoute
from serving.wire import RoutingGroups
from smart_routing.callers import is_loopback, read_token
from smart_routing.decision_log import DecisionLog, DecisionRecorder, VectorLogging, read_or_make_key
from smart_routing.errors import SettingsError, StoredFileError
from smart_routing.logs import configure_logging, log_event
from smart_routing.policy import PolicyFile
from smart_routing.policy_store import open_policy
from smart_routing.querylog.s3 import connect
from smart_routing.router import Router
from smart_routing.settings import HistorySettings, KnownHeavySettings, ReloadSettings, S3Settings, ServingSettings
from smart_routing.sources.opening import open_source
from smart_routing.stored_file import FileStore, open_file

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_log = logging.getLogger(__name__)

LOG_FLUSH_SECONDS: Final = 0.2
LOAD_PAUSE_SECONDS: Final = 0.003
"""After each statement that a new version is tried on, so that few decisions meet one, and none a row of them."""
LOOK_STOP_SECONDS: Final = 0.5
"""For a look under way at the end: it may wait for others, and nobody reads what it leaves half done."""
GATEWAY_TIMEOUT_SECONDS: Final = 2.0
WATCH_PATIENCE_SECONDS: Final = 1.5
"""For S3: a look that takes longer would hold up the start, the expiry of overrides, and the next look."""


@dataclass(frozen=True, kw_only=True)
class Components:
    """The parts of one worker, wired and at rest."""

    settings: ServingSettings
    data_port: DataPort
    admin_port: AdminPort
    tripwire: Tripwire
    policy_watch: PolicyWatch | None
    known_heavy_watch: KnownHeavyWatch
    decision_log: DecisionLog | None
    garbage: IdleCollection

    def data_app(self) -> FastAPI:
        return create_data_app(self.lifespan)

    def admin_app(self) -> FastAPI:
        return create_admin_app(self.admin_port, token_file=self.settings.admin_token_file)

    @asynccontextmanager
    async def lifespan(self, _: FastAPI) -> AsyncIterator[DataState]:
        """From the first look at the source to the last row of the decision log."""
        async with AsyncExitStack() as stack:
            next_look = await asyncio.to_thread(self._look_first)
            self.garbage.start()
            stack.callback(self.garbage.stop)
            for background in self._backgrounds(next_look):
                background.start()
                stack.push_async_callback(asyncio.to_thread, background.stop)
            if self.settings.admin_port:
                listener = bind(self.settings.admin_host, self.settings.admin_port)
                log_event(_log, "admin_port_open", port=listener.getsockname()[1])
                await stack.enter_async_context(listening(self.admin_app(), listener))
            yield {"data_port": self.data_port}
        if self.decision_log is not None:
            self._flush(self.decision_log)

    def _look_first(self) -> float:
        """Returns the seconds until the next look at the source."""
        if self.policy_watch is not None:
            self.policy_watch.start()
        self.known_heavy_watch.step()
        self.admin_port.history.step()
        return self.admin_port.reloader.start()

    def _backgrounds(self, next_look: float) -> list[Background]:
        looking = partial(Background, stop_seconds=LOOK_STOP_SECONDS)
        backgrounds = [
            looking("model-reloader", self.admin_port.reloader.step, first_delay=next_look),
            looking("known-heavy-watch", self.known_heavy_watch.step),
            looking("history-watch", self.admin_port.history.step),
            Background("idle-collection", self.garbage.step),
            Background("tripwire", self.tripwire.step),
        ]
        if self.policy_watch is not None:
            backgrounds.append(looking("policy-watch", self.policy_watch.step))
        if self.decision_log is not None:
            backgrounds.append(Background("decision-log", partial(self._flush, self.decision_log)))
        return backgrounds

    def _flush(self, log: DecisionLog) -> float:
        written, dropped = log.written, log.dropped
        log.flush()
        rows = self.admin_port.metrics.log_rows
        rows.labels("written").inc(log.written - written)
        rows.labels("dropped").inc(log.dropped - dropped)
        return LOG_FLUSH_SECONDS


def create_app(settings: ServingSettings | None = None) -> FastAPI:
    """The data port; its lifespan runs everything else. For `uvicorn --factory serving.app:create_app`."""
    if settings is None:
        configure_logging(sys.stderr)
        settings = ServingSettings.load()
    return assemble(settings).data_app()


def assemble(
    settings: ServingSettings,
    known_heavy: KnownHeavySettings | None = None,
    *,
    history: HistorySettings | None = None,
    is_prepared: bool = False,
    reload: ReloadSettings | None = None,
) -> Components:
    """One worker's parts; raises `SettingsError` for settings that contradict each other.

    `is_prepared`: another process, whose child this one is, has done what is done once.
    """
    known_heavy, history = known_heavy or KnownHeavySettings.load(), history or HistorySettings.load()
    if not is_prepared:
        prepare(settings)
    clocks, metrics = Clocks(now=lambda: datetime.now(UTC), monotonic=time.monotonic), Metrics.create()
    router = Router(
        cache_entries=settings.cache_entries,
        facts_cache_bytes=settings.facts_cache_bytes,
        keep_vectors=VectorLogging(settings.vectors) != VectorLogging.NONE,
    )
    recording, following = _recording(settings), _following(settings, reload, router, metrics=metrics, clocks=clocks)
    service = RoutingService(
        router,
        metrics=metrics,
        clocks=clocks,
        max_in_flight=settings.max_in_flight,
        max_wait_seconds=settings.max_wait_ms / 1000,
        recording=recording,
        tripwire=following.tripwire,
    )
    store = open_known_heavy(known_heavy)
    groups = _groups(settings)
    return Components(
        settings=settings,
        data_port=DataPort(
            service=service,
            groups=groups,
            deadline_ms=settings.deadline_ms,
            gateway_route=_gateway_route(settings, service, groups),
        ),
        admin_port=AdminPort(
            router=router,
            reloader=following.reloader(open_source(settings.source, s3_client)),
            metrics=metrics,
            known_heavy=KnownHeavyDesk(store=store, ttl=known_heavy.ttl, clock=clocks.now),
            history=following.history(open_history(history), history),
        ),
        tripwire=following.tripwire,
        policy_watch=_policy_watch(settings, router, metrics=metrics, clock=clocks.now),
        known_heavy_watch=KnownHeavyWatch(
            store, router, metrics=metrics, poll_seconds=known_heavy.poll_seconds, clock=clocks.now
        ),
        decision_log=recording.log if recording else None,
        garbage=IdleCollection(lambda: router.asked),
    )


def _following(
    settings: ServingSettings, reload: ReloadSettings | None, router: Router, *, metrics: Metrics, clocks: Clocks
) -> Following:
    limits = reload or ReloadSettings.load()
    jitter = random.Random()  # noqa: S311  # no secret
    return Following(
        router=router,
        metrics=metrics,
        around=Around(
            clocks=clocks, cpu=time.thread_time, pause=partial(time.sleep, LOAD_PAUSE_SECONDS), random=jitter
        ),
        settings=settings,
        limits=limits,
        tripwire=Tripwire(trip_limits(limits), monotonic=clocks.monotonic),
    )


def _groups(settings: ServingSettings) -> RoutingGroups:
    return RoutingGroups(small=settings.small_group, large=settings.large_group)


def _gateway_route(settings: ServingSettings, service: RoutingService, groups: RoutingGroups) -> GatewayRoute:
    return GatewayRoute(
        service=service,
        groups=groups,
        deadline_ms=settings.deadline_ms,
        honour_client_group=settings.honour_client_group,
        new_decision_id=lambda: uuid4().hex,
    )


def prepare(settings: ServingSettings) -> None:
    """Raises `SettingsError` for what could not serve as it was meant to; makes the folder and the key it needs."""
    _check_admin_port(settings)
    if settings.small_group == settings.large_group:
        name = settings.variable("large_group")
        raise SettingsError(f"{name} is {settings.large_group}, as is the small group: expected two groups")
    try:
        settings.state_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        name = settings.variable("state_dir")
        raise SettingsError(f"{name} {settings.state_dir} cannot be used: {error.strerror}") from error
    if (policy := _policy_file(settings)) is not None:
        policy.poll(now=datetime.now(UTC))
    if settings.decision_log is not None:
        read_or_make_key(settings.user_key_file, secrets.token_bytes(32))
    if settings.gateway_url is not None:
        with httpx.Client(base_url=str(settings.gateway_url), timeout=GATEWAY_TIMEOUT_SECONDS) as gateway:
            check_gateway_groups(gateway, _groups(settings))


def _check_admin_port(settings: ServingSettings) -> None:
    """An admin port that anyone could use is refused."""
    if settings.admin_token_file is not None:
        read_token(settings.admin_token_file)
    elif settings.admin_port and not is_loopback(settings.admin_host):
        name = settings.variable("admin_token_file")
        raise SettingsError(f"admin port on {settings.admin_host} has no token: expected {name}, or a loopback address")


def open_history(settings: HistorySettings) -> FileStore:
    """Where the history snapshot is published; raises `SettingsError` for an address that is none."""
    try:
        return open_file(settings.snapshot, _watching_s3, what="history snapshot")
    except StoredFileError as error:
        raise SettingsError(f"{settings.variable('snapshot')} cannot be used: {error}") from error


def s3_client(*, patience_seconds: float | None = None) -> "S3Client":
    return connect(S3Settings.load().endpoint_url, patience_seconds=patience_seconds)


def _watching_s3() -> "S3Client":
    return s3_client(patience_seconds=WATCH_PATIENCE_SECONDS)


def _recording(settings: ServingSettings) -> Recording | None:
    if settings.decision_log is None:
        return None
    log = DecisionLog(
        settings.decision_log,
        writer=f"{os.getpid()}-{secrets.token_hex(4)}",  # containers repeat their pids
        queue_rows=settings.decision_log_queue,
        day_bytes=settings.decision_log_day_bytes,
    )
    key = read_or_make_key(settings.user_key_file, secrets.token_bytes(32))
    recorder = DecisionRecorder(user_key=key, vectors=VectorLogging(settings.vectors), share=settings.vector_share)
    return Recording(log, recorder)


def _policy_file(settings: ServingSettings) -> PolicyFile | None:
    if settings.policy_file is None:
        return None
    return PolicyFile(open_policy(settings.policy_file, _watching_s3))


def _policy_watch(
    settings: ServingSettings, router: Router, *, metrics: Metrics, clock: Callable[[], datetime]
) -> PolicyWatch | None:
    file = _policy_file(settings)
    if file is None:
        return None
    return PolicyWatch(file, router, metrics=metrics, poll_seconds=settings.policy_poll_seconds, clock=clock)
