"""The servers themselves, from PostgreSQL to the router, each a context manager over a folder it may fill."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import psycopg2

from infra.local.processes import (
    LOOPBACK,
    Identity,
    Program,
    Server,
    answers,
    free_port,
    require,
    running,
    server_environment,
    unprivileged,
)

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

ROOT: Final = Path(__file__).parents[2]


def cache_folder() -> Path:
    """Where `make services` puts the programs it builds."""
    return Path(os.environ.get("SMART_ROUTING_CACHE") or Path.home() / ".cache" / "smart-routing")


def postgres_program(name: str) -> Program:
    debian_folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return Program("PostgreSQL", (name,), tuple(debian_folders))


def s3_program() -> Program:
    return Program("The S3 server", ("versitygw",), (cache_folder() / "bin",))


def chromium_program() -> Program:
    return Program("Chromium", ("chromium", "chromium-browser", "google-chrome"))


@contextmanager
def postgres_server(folder: Path) -> Iterator[str]:
    """A PostgreSQL server; yields the URL of its `postgres` database."""
    program, identity, port = require(postgres_program("postgres")), unprivileged(), free_port()
    environment = server_environment(folder)
    _initdb(folder, environment, identity=identity)
    settings = {"listen_addresses": LOOPBACK, "port": port, "unix_socket_directories": "", "fsync": "off"}
    options = [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]
    url = f"postgresql://smart_routing@{LOOPBACK}:{port}/postgres"
    server = Server(
        title="PostgreSQL",
        command=[program, "-D", folder / "data", *options],
        environment=environment,
        folder=folder,
        ready=lambda: connects(url),
        identity=identity,
        stop_signal=signal.SIGINT,  # does not wait for clients that stay
    )
    with running(server):
        yield url


def _initdb(folder: Path, environment: dict[str, str], *, identity: Identity) -> None:
    if identity.user is not None:
        shutil.chown(folder, identity.user, identity.group)
    program = require(postgres_program("initdb"))
    options = ["-U", "smart_routing", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"]
    with (folder / "initdb.log").open("wb") as sink:
        subprocess.run(
            [program, "-D", folder / "data", *options],
            check=True,
            cwd=folder,
            env=environment,
            stdout=sink,
            stderr=subprocess.STDOUT,
            user=identity.user,
            group=identity.group,
            extra_groups=identity.extra_groups,
        )


def connects(url: str) -> bool:
    """Whether PostgreSQL takes a connection at `url` now."""
    with suppress(psycopg2.OperationalError):
        psycopg2.connect(url).close()
        return True
    return False


def create_database(server_url: str, name: str) -> str:
    """Makes an empty database on the server; returns its URL."""
    connection = psycopg2.connect(server_url)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(f'CREATE DATABASE "{name}"')
    connection.close()
    return f"{server_url.rpartition('/')[0]}/{name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Service:
    """One bucket on a real S3 server, and what a client needs to reach it."""

    client: "S3Client"
    endpoint_url: str
    bucket: str
    access_key: str
    secret_key: str
    region: str

    @property
    def environment(self) -> dict[str, str]:
        """The same for another process, as the variables that boto3 and MLflow read."""
        return {
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_ENDPOINT_URL_S3": self.endpoint_url,
            "AWS_EC2_METADATA_DISABLED": "true",
            "MLFLOW_S3_ENDPOINT_URL": self.endpoint_url,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Server:
    """Where the S3 server listens, and its one user."""

    endpoint_url: str
    access_key: str = "smart-routing-test"
    secret_key: str = "only-on-loopback"
    region: str = "us-east-1"

    def create_bucket(self, name: str) -> S3Service:
        import boto3  # half a second that only S3 tests pay

        client = boto3.client(
            "s3",
            endpoint_url=self.endpoint_url,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            region_name=self.region,
        )
        client.create_bucket(Bucket=name)
        return S3Service(
            client=client,
            endpoint_url=self.endpoint_url,
            bucket=name,
            access_key=self.access_key,
            secret_key=self.secret_key,
            region=self.region,
        )


@contextmanager
def s3_server(folder: Path) -> Iterator[S3Server]:
    """An S3 server over a folder; metadata in a sidecar folder, because not every /tmp has extended attributes."""
    program, port = require(s3_program()), free_port()
    site = S3Server(endpoint_url=f"http://{LOOPBACK}:{port}")
    objects, metadata = folder / "objects", folder / "metadata"
    objects.mkdir()
    metadata.mkdir()
    listen = ["--port", f"{LOOPBACK}:{port}", "--region", site.region, "--health", "/health", "--quiet"]
    secrets = {"ROOT_ACCESS_KEY_ID": site.access_key, "ROOT_SECRET_ACCESS_KEY": site.secret_key}
    server = Server(
        title="The S3 server",
        command=[program, *listen, "posix", "--sidecar", metadata, objects],
        environment=server_environment(folder, **secrets),
        folder=folder,
        ready=lambda: answers(f"{site.endpoint_url}/health"),
    )
    with running(server):
        yield site


@contextmanager
def mlflow_server(folder: Path, *, backend: str, artifacts: str, **variables: str) -> Iterator[str]:
    """An MLflow server with one worker that proxies artifacts; yields its URL. `variables` join its environment."""
    port = free_port()
    url = f"http://{LOOPBACK}:{port}"
    listen = ["--host", LOOPBACK, "--port", str(port), "--workers", "1"]
    stores = ["--backend-store-uri", backend, "--artifacts-destination", artifacts]
    quiet = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    server = Server(
        title="MLflow server",
        command=[sys.executable, "-m", "mlflow", "server", *listen, *stores],
        environment=server_environment(folder, **quiet, **variables),
        folder=folder,
        ready=lambda: answers(f"{url}/health"),
    )
    with running(server):
        yield url


@contextmanager
def prefect_server(folder: Path) -> Iterator[str]:
    """A Prefect server on SQLite with its scheduler on; yields its API URL."""
    port = free_port()
    url = f"http://{LOOPBACK}:{port}/api"
    quiet = {"PREFECT_SERVER_ANALYTICS_ENABLED": "false", "DO_NOT_TRACK": "1", "PREFECT_CLI_PROMPT": "false"}
    server = Server(
        title="Prefect server",
        command=[sys.executable, "-m", "prefect", "server", "start", "--host", LOOPBACK, "--port", str(port)],
        environment=server_environment(folder, PREFECT_HOME=str(folder), PREFECT_API_URL=url, **quiet),
        folder=folder,
        ready=lambda: answers(f"{url}/health"),
    )
    with running(server):
        yield url


@contextmanager
def router_server(folder: Path, environment: Mapping[str, str], *, workers: int = 1) -> Iterator[str]:
    """The router, once it has a model; yields the URL of its data port. `environment` is the whole of it."""
    port = free_port()
    url = f"http://{LOOPBACK}:{port}"
    listen = {"SMART_ROUTING_SERVING_PORT": str(port), "SMART_ROUTING_SERVING_WORKERS": str(workers)}
    server = Server(
        title="Router",
        command=[sys.executable, "-m", "serving"],
        environment={"SMART_ROUTING_SERVING_ADMIN_PORT": str(free_port()), **environment, **listen},
        folder=folder,
        workdir=ROOT,
        ready=lambda: answers(f"{url}/readyz"),
    )
    with running(server):
        yield url


@dataclass(frozen=True, slots=True)
class CollectorServer:
    """A collector that runs: its URL, and its process for whoever wants to end it."""

    url: str
    process: subprocess.Popen[bytes]


@contextmanager
def collector_server(folder: Path, environment: Mapping[str, str]) -> Iterator[CollectorServer]:
    """The collector of query events. `environment` is the whole of it."""
    port = free_port()
    url = f"http://{LOOPBACK}:{port}"
    command = [sys.executable, "-m", "uvicorn", "--factory", "serving.collector:create_app"]
    server = Server(
        title="Collector",
        command=[*command, "--host", LOOPBACK, "--port", str(port)],
        environment=dict(environment),
        folder=folder,
        workdir=ROOT,
        ready=lambda: answers(f"{url}/readyz"),
    )
    with running(server) as process:
        yield CollectorServer(url, process)
