"""The servers of the loop: MLflow, Prefect and Prefect's worker."""

import sys
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

from infra.local.processes import LOOPBACK, Answers, Server, free_port, listening, server_environment
from infra.local.servers.programs import ROOT

WORK_POOL: Final = "smart-routing"
QUIET: Final = {"PREFECT_SERVER_ANALYTICS_ENABLED": "false", "DO_NOT_TRACK": "1", "PREFECT_CLI_PROMPT": "false"}


def mlflow(folder: Path, port: int, *, backend: str, artifacts: str, **variables: str) -> Server:
    """An MLflow server with one worker that proxies artifacts. `variables` join its environment."""
    url = f"http://{LOOPBACK}:{port}"
    listen = ["--host", LOOPBACK, "--port", str(port), "--workers", "1"]
    stores = ["--backend-store-uri", backend, "--artifacts-destination", artifacts]
    quiet = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    return Server(
        title="MLflow server",
        url=url,
        command=[sys.executable, "-m", "mlflow", "server", *listen, *stores],
        environment=server_environment(folder, **quiet, **variables),
        folder=folder,
        ready=Answers(f"{url}/health"),
    )


def mlflow_server(folder: Path, *, backend: str, artifacts: str, **variables: str) -> AbstractContextManager[str]:
    return listening(mlflow(folder, free_port(), backend=backend, artifacts=artifacts, **variables))


def prefect(folder: Path, port: int, *, database: str | None = None) -> Server:
    """A Prefect server with its scheduler on, on SQLite or `database` (postgresql+asyncpg://); its URL is the API's."""
    url = f"http://{LOOPBACK}:{port}/api"
    listen = ["--host", LOOPBACK, "--port", str(port)]
    store = {} if database is None else {"PREFECT_API_DATABASE_CONNECTION_URL": database}
    return Server(
        title="Prefect server",
        url=url,
        command=[sys.executable, "-m", "prefect", "server", "start", *listen],
        environment=server_environment(folder, PREFECT_HOME=str(folder), PREFECT_API_URL=url, **QUIET, **store),
        folder=folder,
        ready=Answers(f"{url}/health"),
    )


def prefect_server(folder: Path) -> AbstractContextManager[str]:
    return listening(prefect(folder, free_port()))


def prefect_worker(folder: Path, port: int, *, environment: dict[str, str]) -> Server:
    """A worker of the pool in prefect.yaml; `environment` is the whole of it and of the flows that it runs."""
    url = f"http://{LOOPBACK}:{port}"
    health = {"PREFECT_WORKER_WEBSERVER_HOST": LOOPBACK, "PREFECT_WORKER_WEBSERVER_PORT": str(port)}
    start = ["worker", "start", "--pool", WORK_POOL, "--type", "process", "--with-healthcheck"]
    return Server(
        title="Prefect worker",
        url=url,
        command=[sys.executable, "-m", "prefect", *start],
        environment=environment | QUIET | health,
        folder=folder,
        ready=Answers(f"{url}/health"),
        workdir=ROOT,
    )
