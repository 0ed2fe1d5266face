"""Composition root of the collector, the sink of Trino's event listener: a process of its own, one a spill folder."""

import argparse
import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Final

import httpx
import uvicorn
from fastapi import FastAPI

from serving.events.coordinator import TIMEOUT, Coordinator
from serving.events.drain import Drain
from serving.events.endpoint import Collector, CollectorState, create_collector_app
from serving.events.metrics import EventMetrics
from serving.events.poller import Poller
from serving.events.rejects import RejectFile
from serving.events.sink import EventSink, RecentIds
from serving.events.size_failures import ListRules, SizeFailures
from serving.events.spill import Spill, open_spill
from serving.known_heavy.opening import open_known_heavy
from serving.process.background import Background
from serving.process.connection import Connection
from smart_routing.callers import read_token
from smart_routing.errors import SettingsError, SmartRoutingError
from smart_routing.known_heavy.store import KnownHeavyStore
from smart_routing.labels import LabelRule
from smart_routing.logs import configure_logging
from smart_routing.protocol import HEADER_USER
from smart_routing.querylog.s3 import SCHEME as S3_SCHEME
from smart_routing.querylog.s3 import connect
from smart_routing.querylog.store import QueryLogStore, open_store
from smart_routing.settings import CollectorSettings, KnownHeavySettings, QueryLogSettings, S3Settings

SYNC_SECONDS: Final = 0.1
SWITCH_SECONDS: Final = 0.0005
"""Python's own 5 ms, waited at each system call, would let senders wait a second while a large batch is stored."""


def main() -> int:
    """Serve until a signal; settings that cannot be used end it with one line and exit code 2."""
    argparse.ArgumentParser(
        prog="python -m serving.collector",
        description="Serve the sink of query events. Settings: docs/configuration.md.",
    ).parse_args()
    configure_logging(sys.stderr)
    sys.setswitchinterval(SWITCH_SECONDS)
    try:
        settings = CollectorSettings.load()
        app = create_app(settings)
        with open_spill(settings.spill_dir, max_bytes=settings.spill_bytes):
            pass  # the application opens it again, but where it cannot, uvicorn writes a traceback
    except SmartRoutingError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    uvicorn.run(app, http=Connection, host=settings.host, port=settings.port, log_config=None, access_log=False)
    return 0


@dataclass(frozen=True, slots=True)
class Components:
    """The parts of the collector that outlive a start."""

    settings: CollectorSettings
    store: QueryLogStore
    known_heavy: KnownHeavyStore
    rules: ListRules

    @asynccontextmanager
    async def lifespan(self, _: FastAPI) -> AsyncIterator[CollectorState]:
        """From what the process before left in the spill to the last event that can still be stored."""
        settings, metrics, rejects = self.settings, EventMetrics.create(), RejectFile(self.settings.rejects)
        async with AsyncExitStack() as stack:
            spill = stack.enter_context(open_spill(settings.spill_dir, max_bytes=settings.spill_bytes))
            metrics.spill_bytes.set_function(lambda: spill.size)
            metrics.spill_limit_bytes.set(settings.spill_bytes)
            failures = SizeFailures(
                self.known_heavy, rules=self.rules, metrics=metrics, clock=lambda: datetime.now(UTC)
            )
            await asyncio.to_thread(failures.offer_left, spill)  # before the drain takes it away
            drain = Drain(spill, self.store, rejects=rejects, metrics=metrics, batch_seconds=settings.batch_seconds)
            stack.push_async_callback(asyncio.to_thread, drain.flush)
            stack.push_async_callback(asyncio.to_thread, failures.step)
            steps: dict[str, Callable[[], float]] = {
                "event-sync": partial(_sync, spill),
                "event-drain": drain.step,
                "size-failures": failures.step,
            }
            if settings.coordinators:
                http = stack.enter_context(_coordinator_client(settings))
                steps["running-statements"] = _poller(settings, self.store, http=http, metrics=metrics).step
            for background in (Background(name, step) for name, step in steps.items()):
                background.start()
                stack.push_async_callback(asyncio.to_thread, background.stop)
            sink = EventSink(spill, rejects=rejects, metrics=metrics, recent=RecentIds(), size_failures=failures)
            yield {"collector": Collector(sink, settings.token_file, settings.max_body_bytes)}


def create_app(settings: CollectorSettings | None = None) -> FastAPI:
    """The collector; its lifespan runs everything else. For `uvicorn --factory` too; raises `SettingsError`."""
    if settings is None:
        configure_logging(sys.stderr)
        settings = CollectorSettings.load()
    if settings.token_file is not None:
        read_token(settings.token_file)
    known_heavy = KnownHeavySettings.load()
    components = Components(
        settings,
        store=query_log_store(QueryLogSettings.load().store),
        known_heavy=open_known_heavy(known_heavy),
        rules=ListRules(is_small=known_heavy.is_small, ttl=known_heavy.ttl, max_waiting=known_heavy.max_entries),
    )
    return create_collector_app(components.lifespan)


def query_log_store(url: str) -> QueryLogStore:
    """The store at `url`; raises `SettingsError` where this environment lacks what the store needs."""
    try:
        return open_store(url, s3=connect(S3Settings.load().endpoint_url) if url.startswith(S3_SCHEME) else None)
    except ImportError as error:
        name = QueryLogSettings.variable("store")
        raise SettingsError(f"{name}: {error.name} is not installed; requirements/train.txt has it") from error


def _coordinator_client(settings: CollectorSettings) -> httpx.Client:
    return httpx.Client(headers={HEADER_USER: settings.coordinator_user}, timeout=TIMEOUT)


def _poller(settings: CollectorSettings, store: QueryLogStore, *, http: httpx.Client, metrics: EventMetrics) -> Poller:
    return Poller(
        [Coordinator(url, http) for url in settings.coordinators],
        store,
        rule=LabelRule(cpu_seconds=settings.running_cpu_seconds, memory_bytes=settings.running_memory_bytes),
        metrics=metrics,
        poll_seconds=settings.poll_seconds,
        clock=partial(datetime.now, UTC),
    )


def _sync(spill: Spill) -> float:
    spill.sync()
    return SYNC_SECONDS


if __name__ == "__main__":
    sys.exit(main())
