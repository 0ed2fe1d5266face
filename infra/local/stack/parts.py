"""The parts of the stack as data: what each is, what it waits for, and which ports it takes."""

import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from infra.local.processes import Server, server_environment
from infra.local.scale import SCALED_RULE
from infra.local.servers.databases import postgres, redis
from infra.local.servers.mlops import WORK_POOL, mlflow, prefect, prefect_worker
from infra.local.servers.observability import alertmanager, prometheus
from infra.local.servers.router import collector, exporter, router
from infra.local.servers.s3 import s3
from infra.local.servers.trino import EventSink, TrinoKind, gateway, trino
from infra.local.stack.site import BUCKET, DATABASES, Ports, Site

ROUTER_WORKERS: Final = 2
DEPLOY: Final = (
    f'"$0" -m prefect work-pool create {WORK_POOL} --type process --overwrite && exec "$0" -m prefect deploy --all'
)


class UnknownPartError(Exception):
    """A name that is neither a part nor a group of parts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A command that ends, and that does nothing where it was done before."""

    command: tuple[str, ...]
    environment: dict[str, str]
    folder: Path

    @property
    def log(self) -> Path:
        return self.folder / "server.log"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A server or step of the stack; `needs` are the parts that have to be ready, or done, before it starts."""

    name: str
    group: str
    work: Callable[[Site], Server | Step]
    needs: tuple[str, ...] = ()
    ports: Callable[[Ports], tuple[int, ...]] = field(default=lambda _: ())


def _databases(site: Site) -> Step:
    return _step(site, "databases", "databases", site.database("postgres"), *DATABASES)


def _bucket(site: Site) -> Step:
    return _step(site, "bucket", "bucket", site.s3.endpoint_url, BUCKET)


def _backends(site: Site) -> Step:
    trinos = (site.url(site.ports.trino_small), site.url(site.ports.trino_large))
    return _step(site, "backends", "backends", site.url(site.ports.gateway), *trinos)


def _step(site: Site, name: str, *words: str) -> Step:
    command = (sys.executable, "-m", "infra.local.stack.steps", *words)
    return Step(command=command, environment=server_environment(site.of(name)), folder=site.of(name))


def _deployments(site: Site) -> Step:
    folder = site.of("deployments")
    quiet = {"PREFECT_CLI_PROMPT": "false", "PREFECT_CLI_COLORS": "false"}
    environment = server_environment(folder, **site.settings(), **quiet)
    return Step(command=("sh", "-c", DEPLOY, sys.executable), environment=environment, folder=folder)


def _mlflow(site: Site) -> Server:
    return mlflow(
        site.of("mlflow"),
        site.ports.mlflow,
        backend=site.database("mlflow", scheme="postgresql+psycopg2"),  # SQLAlchemy 2.1 takes psycopg 3 else
        artifacts=f"s3://{BUCKET}/artifacts",
        **site.s3.environment,
    )


def _prefect(site: Site) -> Server:
    database = site.database("prefect", scheme="postgresql+asyncpg")
    return prefect(site.of("prefect"), site.ports.prefect, database=database)


def _prefect_worker(site: Site) -> Server:
    folder = site.of("prefect-worker")
    environment = server_environment(folder, **site.settings())
    return prefect_worker(folder, site.ports.prefect_worker, environment=environment)


def _trino(site: Site, kind: TrinoKind, port: int) -> Server:
    sink = EventSink(site.url(site.ports.collector), site.token())
    return trino(site.of(f"trino-{kind}"), port, kind=kind, event_sink=sink, lake=site.folder / "lake")


def _gateway(site: Site) -> Server:
    asks = site.url(site.ports.router)
    return gateway(site.of("gateway"), site.ports.gateway, database=site.database("gateway"), router=asks)


def _router(site: Site) -> Server:
    """Ready as soon as it lives, because a fresh stack has no model yet."""
    folder = site.of("router")
    workers = {
        "SMART_ROUTING_SERVING_ADMIN_PORT": str(site.ports.router_admin),
        "SMART_ROUTING_SERVING_WORKERS": str(ROUTER_WORKERS),
        "SMART_ROUTING_SERVING_GATEWAY_URL": site.url(site.ports.gateway),
    }
    environment = server_environment(folder, **site.settings(), **workers)
    return router(folder, site.ports.router, environment=environment, ready="/healthz")


def _collector(site: Site) -> Server:
    folder = site.of("collector")
    coordinators = (site.url(site.ports.trino_small), site.url(site.ports.trino_large))
    own = {
        "SMART_ROUTING_COLLECTOR_TOKEN_FILE": str(site.token_file),
        "SMART_ROUTING_COLLECTOR_SPILL_DIR": str(folder / "spill"),
        "SMART_ROUTING_COLLECTOR_REJECTS": str(folder / "rejects.jsonl"),
        "SMART_ROUTING_COLLECTOR_BATCH_SECONDS": "2",
        "SMART_ROUTING_COLLECTOR_COORDINATORS": ",".join(coordinators),
        "SMART_ROUTING_COLLECTOR_RUNNING_CPU_SECONDS": f"{SCALED_RULE.cpu_seconds:g}",
        "SMART_ROUTING_COLLECTOR_RUNNING_MEMORY_BYTES": str(SCALED_RULE.memory_bytes),
    }
    return collector(folder, site.ports.collector, environment=server_environment(folder, **site.settings(), **own))


def _exporter(site: Site) -> Server:
    folder = site.of("exporter")
    return exporter(folder, site.ports.exporter, environment=server_environment(folder, **site.settings()))


PARTS: Final = (
    Part(
        name="postgres",
        group="postgres",
        work=lambda site: postgres(site.of("postgres"), site.ports.postgres),
        ports=lambda ports: (ports.postgres,),
    ),
    Part(
        name="redis",
        group="redis",
        work=lambda site: redis(site.of("redis"), site.ports.redis),
        ports=lambda ports: (ports.redis,),
    ),
    Part(
        name="s3",
        group="s3",
        work=lambda site: s3(site.of("s3"), site.ports.s3),
        ports=lambda ports: (ports.s3,),
    ),
    Part(name="databases", group="postgres", work=_databases, needs=("postgres",)),
    Part(name="bucket", group="s3", work=_bucket, needs=("s3",)),
    Part(
        name="trino-small",
        group="trino",
        work=lambda site: _trino(site, "small", site.ports.trino_small),
        ports=lambda ports: (ports.trino_small,),
    ),
    Part(
        name="trino-large",
        group="trino",
        work=lambda site: _trino(site, "large", site.ports.trino_large),
        ports=lambda ports: (ports.trino_large,),
    ),
    Part(
        name="gateway",
        group="gateway",
        work=_gateway,
        needs=("databases",),
        ports=lambda ports: (ports.gateway,),
    ),
    Part(name="backends", group="gateway", work=_backends, needs=("gateway", "trino-small", "trino-large")),
    Part(
        name="mlflow",
        group="mlflow",
        work=_mlflow,
        needs=("databases", "bucket"),
        ports=lambda ports: (ports.mlflow,),
    ),
    Part(
        name="router",
        group="serving",
        work=_router,
        needs=("mlflow", "redis", "backends"),  # it asks the gateway whether it has both groups
        ports=lambda ports: (ports.router, *range(ports.router_admin, ports.router_admin + ROUTER_WORKERS)),
    ),
    Part(
        name="collector",
        group="events",
        work=_collector,
        needs=("databases", "redis"),
        ports=lambda ports: (ports.collector,),
    ),
    Part(
        name="prefect",
        group="prefect",
        work=_prefect,
        needs=("databases",),
        ports=lambda ports: (ports.prefect,),
    ),
    Part(name="deployments", group="prefect", work=_deployments, needs=("prefect",)),
    Part(
        name="prefect-worker",
        group="prefect",
        work=_prefect_worker,
        needs=("deployments", "mlflow"),
        ports=lambda ports: (ports.prefect_worker,),
    ),
    Part(
        name="exporter",
        group="monitoring",
        work=_exporter,
        ports=lambda ports: (ports.exporter,),
    ),
    Part(
        name="prometheus",
        group="monitoring",
        work=lambda site: prometheus(site.of("prometheus"), site.ports.prometheus),
        ports=lambda ports: (ports.prometheus,),
    ),
    Part(
        name="alertmanager",
        group="monitoring",
        work=lambda site: alertmanager(site.of("alertmanager"), site.ports.alertmanager),
        ports=lambda ports: (ports.alertmanager,),
    ),
)


def select(names: Iterable[str]) -> tuple[Part, ...]:
    """The parts of these names and groups with all they need, in the order of `PARTS`; without names, all.

    Raises `UnknownPartError`.
    """
    wanted = {part.name for name in names for part in _named(name)} or {part.name for part in PARTS}
    while missing := {need for part in PARTS if part.name in wanted for need in part.needs} - wanted:
        wanted |= missing
    return tuple(part for part in PARTS if part.name in wanted)


def _named(name: str) -> list[Part]:
    found = [part for part in PARTS if name in (part.name, part.group)]
    if not found:
        known = sorted({word for part in PARTS for word in (part.name, part.group)})
        raise UnknownPartError(f"{name!r} is no part of the stack: expected one of {', '.join(known)}")
    return found
