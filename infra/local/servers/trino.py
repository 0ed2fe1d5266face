"""Trino clusters of one node each, as infra/trino describes them, and trino-gateway before them."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal
from urllib.parse import urlsplit

import httpx

from infra.local.processes import LOOPBACK, Answers, Server, free_port, listening, server_environment
from infra.local.servers.programs import ROOT, gateway_jar, java_home, trino_launcher

TrinoKind = Literal["small", "large"]

CONFIG: Final = ROOT / "infra" / "trino"
GATEWAY_CONFIG: Final = ROOT / "infra" / "trino-gateway" / "config.yaml"
GATEWAY_MEMORY: Final = "-Xmx512m"


@dataclass(frozen=True, slots=True)
class EventSink:
    """Where a coordinator sends its events: a collector's URL, without a path, and its token."""

    url: str
    token: str = ""


def trino(
    folder: Path,
    port: int,
    *,
    kind: TrinoKind = "small",
    event_sink: EventSink | None = None,
    lake: Path | None = None,
    prefix: tuple[str, ...] = (),
) -> Server:
    """Trino 476 with the configuration of `kind`, without events if there is no sink.

    `lake` is the folder of its Iceberg tables, which clusters may share; its own by default. `prefix` are words before
    its command, such as those that pin it to a core.
    """
    url, home = f"http://{LOOPBACK}:{port}", java_home()
    lake = lake or folder / "lake"
    return Server(
        title=f"Trino {kind}",
        url=url,
        command=[*prefix, trino_launcher(), "run", "--etc-dir", CONFIG / kind, "--data-dir", folder / "data"],
        environment=server_environment(
            folder,
            JAVA_HOME=str(home),
            TRINO_PORT=str(port),
            TRINO_LAKE=str(lake),
            TRINO_EVENT_LISTENERS=str(CONFIG / "http-event-listener.properties") if event_sink else "",
            QUERY_EVENTS_URL=event_sink.url if event_sink else "",
            QUERY_EVENTS_TOKEN=event_sink.token if event_sink else "",
        ),
        folder=folder,
        folders=(folder / "data", lake),
        ready=Answers(f"{url}/v1/info", text='"starting":false'),
    )


def trino_server(
    folder: Path,
    kind: TrinoKind = "small",
    *,
    event_sink: EventSink | None = None,
    lake: Path | None = None,
    prefix: tuple[str, ...] = (),
) -> AbstractContextManager[str]:
    return listening(trino(folder, free_port(), kind=kind, event_sink=event_sink, lake=lake, prefix=prefix))


def gateway(folder: Path, port: int, *, database: str, router: str, config: Path = GATEWAY_CONFIG) -> Server:
    """trino-gateway 20, its tables in `database` (postgresql://user@host:port/name), that asks the router there."""
    url, store = f"http://{LOOPBACK}:{port}", urlsplit(database)
    java: list[str | Path] = [
        java_home() / "bin" / "java",
        GATEWAY_MEMORY,
        "-XX:+UseSerialGC",
        f"-Dnode.bind-ip={LOOPBACK}",
    ]
    return Server(
        title="trino-gateway",
        url=url,
        command=[*java, "-jar", gateway_jar(), config],
        environment=server_environment(
            folder,
            GATEWAY_PORT=str(port),
            GATEWAY_JDBC_URL=f"jdbc:postgresql://{store.hostname}:{store.port}{store.path}",
            GATEWAY_DB_USER=store.username or "",
            GATEWAY_DB_PASSWORD=store.password or "none",  # which it wants to be there
            ROUTER_URL=router,
        ),
        folder=folder,
        ready=Answers(f"{url}/trino-gateway/readyz"),
    )


def gateway_server(
    folder: Path, *, database: str, router: str, config: Path = GATEWAY_CONFIG
) -> AbstractContextManager[str]:
    """The gateway while it runs, without a backend: `add_backend` adds one."""
    return listening(gateway(folder, free_port(), database=database, router=router, config=config))


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """A cluster as the gateway knows it."""

    name: str
    url: str
    group: str


def add_backend(gateway_url: str, backend: Backend) -> None:
    """Tells the gateway of a cluster, or of its new address; raises `httpx.HTTPError`."""
    entry = {"name": backend.name, "proxyTo": backend.url, "active": True, "routingGroup": backend.group}
    httpx.post(f"{gateway_url}/gateway/backend/modify/update", json=entry, timeout=10).raise_for_status()


def backend_is_healthy(gateway_url: str, name: str) -> bool:
    """Whether the gateway has found the cluster healthy; it looks every 5 s. Raises `httpx.HTTPError`."""
    reply = httpx.get(f"{gateway_url}/api/public/backends/{name}/state", timeout=10).raise_for_status()
    return bool(reply.json().get("trinoStatus") == "HEALTHY")
