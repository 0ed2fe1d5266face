"""PostgreSQL, Redis and MariaDB, each over a folder of its own."""

import signal
from contextlib import AbstractContextManager, closing
from pathlib import Path

import psycopg2

from infra.local.processes import (
    LOOPBACK,
    Initialisation,
    Server,
    Succeeds,
    free_port,
    listening,
    require,
    server_environment,
)
from infra.local.servers.programs import mariadb_program, postgres_program, redis_program


def postgres(folder: Path, port: int) -> Server:
    """PostgreSQL, whose one user `smart_routing` needs no password; its URL is that of the database `postgres`."""
    settings = {
        "listen_addresses": LOOPBACK,
        "port": port,
        "unix_socket_directories": "",
        "fsync": "off",
        "log_min_error_statement": "panic",  # a batch of events that fails would be in the log, SQL and all
    }
    options = [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]
    data, address = folder / "data", ("-h", LOOPBACK, "-p", str(port), "-U", "smart_routing", "-d", "postgres")
    users = ["-U", "smart_routing", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"]
    return Server(
        title="PostgreSQL",
        url=f"postgresql://smart_routing@{LOOPBACK}:{port}/postgres",
        command=[require(postgres_program("postgres")), "-D", data, *options],
        environment=server_environment(folder),
        folder=folder,
        ready=Succeeds((require(postgres_program("pg_isready")), "-q", *address)),
        initialisation=Initialisation([require(postgres_program("initdb")), "-D", data, *users], data / "PG_VERSION"),
        unprivileged=True,
        stop_signal=signal.SIGINT,  # does not wait for clients that stay
    )


def postgres_server(folder: Path) -> AbstractContextManager[str]:
    return listening(postgres(folder, free_port()))


def create_database(server_url: str, name: str) -> str:
    """Makes an empty database on the server, unless there is one of that name; returns its URL."""
    with closing(psycopg2.connect(server_url)) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        cursor.execute("SELECT FROM pg_database WHERE datname = %s", (name,))
        if cursor.fetchone() is None:
            cursor.execute(f'CREATE DATABASE "{name}"')
    return f"{server_url.rpartition('/')[0]}/{name}"


def redis(folder: Path, port: int) -> Server:
    """Redis that keeps its data in a log of what was written."""
    keep: list[str | Path] = ["--dir", folder, "--save", "", "--appendonly", "yes"]
    plain = ["--set-proc-title", "no"]  # a title overwrites the environment that `ps e` and /proc show
    return Server(
        title="Redis",
        url=f"redis://{LOOPBACK}:{port}/0",
        command=[require(redis_program("redis-server")), "--bind", LOOPBACK, "--port", str(port), *keep, *plain],
        environment=server_environment(folder),
        folder=folder,
        ready=Succeeds((require(redis_program("redis-cli")), "-e", "-h", LOOPBACK, "-p", str(port), "ping")),
    )


def redis_server(folder: Path, port: int | None = None) -> AbstractContextManager[str]:
    """On a free port, unless it is to come back where it was."""
    return listening(redis(folder, port or free_port()))


def mariadb(folder: Path, port: int) -> Server:
    """MariaDB, whose `root` has no password; its URL is that of the database `mysql`."""
    data, plain = folder / "data", "--no-defaults"  # no file of the machine's own
    address = [f"--bind-address={LOOPBACK}", f"--port={port}", f"--socket={folder}/mariadb.sock"]
    make: list[str | Path] = [
        require(mariadb_program("mariadb-install-db")),
        plain,
        f"--datadir={data}",
        "--skip-test-db",
    ]
    probe = require(mariadb_program("mariadb-admin"))
    return Server(
        title="MariaDB",
        url=f"mysql://root@{LOOPBACK}:{port}/mysql",
        command=[require(mariadb_program("mariadbd")), plain, f"--datadir={data}", *address],
        environment=server_environment(folder),
        folder=folder,
        ready=Succeeds((probe, plain, f"--host={LOOPBACK}", f"--port={port}", "--user=root", "--silent", "ping")),
        initialisation=Initialisation([*make, "--auth-root-authentication-method=normal"], data / "mysql"),
        unprivileged=True,
    )


def mariadb_server(folder: Path) -> AbstractContextManager[str]:
    return listening(mariadb(folder, free_port()))
