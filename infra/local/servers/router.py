"""The project's own servers: the router, the collector of query events, and the exporter of reports' figures."""

import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from infra.local.processes import LOOPBACK, Answers, Server, free_port, listening, running
from infra.local.servers.programs import ROOT


def router(folder: Path, port: int, *, environment: Mapping[str, str], ready: str = "/readyz") -> Server:
    """The router; its URL is that of the data port. `environment` is the whole of it but for that port.

    `ready` is the path that tells: `/readyz` once it has a model, `/healthz` without one.
    """
    url = f"http://{LOOPBACK}:{port}"
    return Server(
        title="Router",
        url=url,
        command=[sys.executable, "-m", "serving"],
        environment={**environment, "SMART_ROUTING_SERVING_PORT": str(port)},
        folder=folder,
        workdir=ROOT,
        ready=Answers(f"{url}{ready}"),
    )


def router_server(
    folder: Path, environment: Mapping[str, str], *, workers: int = 1, ready: str = "/readyz"
) -> AbstractContextManager[str]:
    """The router while it runs, from the moment that `ready` answers."""
    admin = {"SMART_ROUTING_SERVING_ADMIN_PORT": str(free_port())}
    variables = {**admin, **environment, "SMART_ROUTING_SERVING_WORKERS": str(workers)}
    return listening(router(folder, free_port(), environment=variables, ready=ready))


def collector(folder: Path, port: int, *, environment: Mapping[str, str]) -> Server:
    """The collector of query events. `environment` is the whole of it but for the port."""
    url = f"http://{LOOPBACK}:{port}"
    return Server(
        title="Collector",
        url=url,
        command=[sys.executable, "-m", "serving.collector"],
        environment={**environment, "SMART_ROUTING_COLLECTOR_PORT": str(port)},
        folder=folder,
        workdir=ROOT,
        ready=Answers(f"{url}/readyz"),
    )


def exporter(folder: Path, port: int, *, environment: Mapping[str, str]) -> Server:
    """The exporter of reports' figures. `environment` is the whole of it but for the port."""
    url = f"http://{LOOPBACK}:{port}"
    return Server(
        title="Exporter",
        url=url,
        command=[sys.executable, "-m", "monitoring.exporter"],
        environment={**environment, "SMART_ROUTING_EXPORTER_PORT": str(port)},
        folder=folder,
        workdir=ROOT,
        ready=Answers(f"{url}/healthz"),
    )


@dataclass(frozen=True, slots=True)
class CollectorServer:
    """A collector that runs: its URL, and its process for whoever wants to end it."""

    url: str
    process: subprocess.Popen[bytes]


@contextmanager
def collector_server(folder: Path, environment: Mapping[str, str]) -> Iterator[CollectorServer]:
    server = collector(folder, free_port(), environment=environment)
    with running(server) as process:
        yield CollectorServer(server.url, process)
