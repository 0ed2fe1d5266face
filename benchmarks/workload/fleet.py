"""Real Trino clusters for a run, and one leg of a run through them."""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx

from benchmarks.workload import data
from benchmarks.workload.client import TrinoClient
from benchmarks.workload.driver import Bounds, Drive, Driver, Place, RealClock, Rerun
from benchmarks.workload.placement import LARGE, executor
from benchmarks.workload.schedule import Schedule
from benchmarks.workload.sink import Event, EventSink, event_sink
from benchmarks.workload.tenants import Tenant
from benchmarks.workload.truth import tokens
from infra.local.servers.trino import EventSink as Destination
from infra.local.servers.trino import TrinoKind, trino_server

STATEMENT_SECONDS: Final = 120.0
HTTP_TIMEOUT_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True)
class Cluster:
    """One Trino of a fleet; on the processor `core` alone, where one is given."""

    name: str
    kind: TrinoKind
    core: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """One run of a schedule: how it goes through the fleet. `name` opens its trace tokens."""

    name: str
    schedule: Schedule
    place: Callable[[httpx.AsyncClient], Place]
    rerun: Rerun


@dataclass(frozen=True, slots=True, kw_only=True)
class LegResult:
    """What a leg came to, with the events that arrived, by trace token."""

    drive: Drive
    events: dict[str, Event]
    driver_cpu_seconds: float


@dataclass(frozen=True, slots=True)
class Fleet:
    """Clusters that run, by name, and where their events come to.

    `builders` are the coordinators whose limits let them make the tables.
    """

    urls: dict[str, str]
    builders: tuple[str, ...]
    sink: EventSink

    def prepare(self, tenants: Sequence[Tenant], plan: data.Plan) -> None:
        """Runs the plan for the data of each tenant; raises `data.PreparationError`."""
        asyncio.run(self._prepare(tenants, plan))

    def run(self, leg: Leg, *, bounds: Bounds | None = None) -> LegResult:
        """Drives a leg to its end and waits for its events; Ctrl-C cancels what runs."""
        began = time.process_time()
        drive = asyncio.run(self._drive(leg, bounds or Bounds()))
        spent = time.process_time() - began
        return LegResult(drive=drive, events=self.sink.events(tokens(drive.outcomes)), driver_cpu_seconds=spent)

    async def _prepare(self, tenants: Sequence[Tenant], plan: data.Plan) -> None:
        async with _http() as http:
            await data.prepare(TrinoClient(http), self.builders, tenants, plan)

    async def _drive(self, leg: Leg, bounds: Bounds) -> Drive:
        async with _http() as http:
            driver = Driver(
                leg.name,
                place=leg.place(http),
                execute=executor(TrinoClient(http), self.urls, seconds=STATEMENT_SECONDS),
                rerun=leg.rerun,
                clock=RealClock(),
                bounds=bounds,
            )
            return await driver.drive(leg.schedule)


def _http() -> httpx.AsyncClient:
    return httpx.AsyncClient(timeout=HTTP_TIMEOUT_SECONDS, trust_env=False)


@contextmanager
def fleet(clusters: Sequence[Cluster], folder: Path) -> Iterator[Fleet]:
    """The clusters over one lake in `folder`, empty at first; raises `ServerError` or `MissingProgramError`."""
    with event_sink() as sink, ExitStack() as stack:
        urls = {cluster.name: stack.enter_context(_trino(cluster, folder, sink)) for cluster in clusters}
        builders = tuple(urls[cluster.name] for cluster in clusters if cluster.kind == LARGE)
        yield Fleet(urls, builders, sink)


def _trino(cluster: Cluster, folder: Path, sink: EventSink) -> AbstractContextManager[str]:
    return trino_server(
        folder / cluster.name,
        cluster.kind,
        event_sink=Destination(sink.url, token="on-loopback"),
        lake=folder / "lake",
        prefix=() if cluster.core is None else ("taskset", "--cpu-list", str(cluster.core)),
    )
