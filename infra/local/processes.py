"""Server programs and processes: where a program is, how it starts, when it is ready, and that it is gone after."""

import os
import pwd
import random
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, MutableMapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO, Final

import httpx

from smart_routing.settings import OUTSIDE

LOOPBACK: Final = "127.0.0.1"
FREE_PORTS: Final = range(20000, 32768)
FOREIGN_PREFIXES: Final = ("PREFECT_", "MLFLOW_", "AWS_", "SMART_ROUTING_")
READY_SECONDS: Final = 120.0
STOP_SECONDS: Final = 15.0
PROBE_SECONDS: Final = 2.0
LOG_TAIL_LINES: Final = 40
SYSTEM_USERS: Final = ("postgres", "nobody")
GUARD_SCRIPT: Final = 'cat >/dev/null; kill -s "$1" -- "-$0"; sleep 5; kill -s KILL -- "-$0"'


class ServerError(Exception):
    """A server did not start; the message ends with the last lines of its log."""


class MissingProgramError(Exception):
    """A program is not on this machine; the message says how to get it."""


@dataclass(frozen=True, slots=True)
class Program:
    """A program that `make services` installs; `folders` are looked into when PATH does not have it."""

    title: str
    names: tuple[str, ...]
    folders: tuple[Path, ...] = ()

    def path(self) -> Path | None:
        """The first of `names` found on PATH, then in `folders`; None when it is not on this machine."""
        found = (shutil.which(name, path=path) for path in (None, *map(str, self.folders)) for name in self.names)
        return next((Path(hit) for hit in found if hit), None)


def require(program: Program) -> Path:
    """The program's path; raises `MissingProgramError`."""
    found = program.path()
    if found is None:
        names = " or ".join(program.names)
        raise MissingProgramError(f"{program.title} is not installed ({names} not found): run `make services`")
    return found


def scrub(environment: MutableMapping[str, str]) -> None:
    """Removes, in place, what the user's shell says about the systems under test."""
    for name in [name for name in environment if name.startswith(FOREIGN_PREFIXES) and name not in OUTSIDE]:
        del environment[name]


def server_environment(home: Path, **extra: str) -> dict[str, str]:
    """Variables for a server process: of the user's own only PATH and the locale; idle threads do not spin."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL", "TZ") if name in os.environ}
    return {**kept, "HOME": str(home), "OMP_WAIT_POLICY": "passive", "PYTHONWARNINGS": "ignore", **extra}


@dataclass(frozen=True, slots=True)
class Identity:
    """Whose process a server is; the default is ours."""

    user: int | None = None
    group: int | None = None

    @property
    def prefix(self) -> tuple[str, ...]:
        """Words before a command that make it run as this user."""
        if self.user is None:
            return ()
        return ("setpriv", f"--reuid={self.user}", f"--regid={self.group}", "--clear-groups", "--")


def unprivileged() -> Identity:
    """Who runs a server that refuses root: a system user when we are root, else ourselves."""
    if os.geteuid() != 0:
        return Identity()
    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    entry = next(known[name] for name in SYSTEM_USERS if name in known)
    return Identity(entry.pw_uid, entry.pw_gid)


def free_port() -> int:
    """A port that nobody has, another at each call; raises `OSError` when none is left.

    None of those that Linux gives to outgoing connections (32768 on): between the choice and the server's start a
    connection could take it.
    """
    for port in _untried_ports():
        with socket.socket() as listener, suppress(OSError):
            listener.bind((LOOPBACK, port))
            return port
    raise OSError(f"no port is free on {LOOPBACK}: all of {FREE_PORTS.start} to {FREE_PORTS.stop - 1} were tried")


@cache
def _untried_ports() -> Iterator[int]:
    return iter(random.sample(FREE_PORTS, len(FREE_PORTS)))


@dataclass(frozen=True, slots=True)
class Answers:
    """Ready when a GET of `url` is a 2xx with `text` in its body."""

    url: str
    text: str = ""

    def now(self) -> bool:
        with suppress(httpx.HTTPError):
            reply = httpx.get(self.url, timeout=PROBE_SECONDS)
            return reply.is_success and self.text in reply.text
        return False


@dataclass(frozen=True, slots=True)
class Succeeds:
    """Ready when `command` ends with code 0."""

    command: tuple[str | Path, ...]

    def now(self) -> bool:
        with suppress(subprocess.TimeoutExpired):
            return subprocess.run(self.command, check=False, timeout=PROBE_SECONDS, capture_output=True).returncode == 0
        return False


@dataclass(frozen=True, slots=True)
class Initialisation:
    """What makes a server's data before its first start; `creates` is there afterwards."""

    command: Sequence[str | Path]
    creates: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A server to start: its command and environment, the folder it owns, where it listens and when it is ready.

    It works in `workdir`, or else in its own folder. `unprivileged`: it refuses to run as root.
    """

    title: str
    url: str
    command: Sequence[str | Path]
    environment: dict[str, str]
    folder: Path
    ready: Answers | Succeeds
    folders: tuple[Path, ...] = ()
    initialisation: Initialisation | None = None
    workdir: Path | None = None
    unprivileged: bool = False
    stop_signal: signal.Signals = signal.SIGTERM

    @property
    def log(self) -> Path:
        return self.folder / "server.log"

    @property
    def identity(self) -> Identity:
        return unprivileged() if self.unprivileged else Identity()


@contextmanager
def running(server: Server) -> Iterator[subprocess.Popen[bytes]]:
    """The server for the length of the block, from ready until its whole process group has ended.

    Raises `ServerError` where it does not become ready.
    """
    prepare(server)
    process = _start(server)
    guard = _guard(process, server.stop_signal)
    try:
        _wait(server, process)
        yield process
    finally:
        _stop(process, server.stop_signal)
        guard.kill()
        guard.communicate()


@contextmanager
def listening(server: Server) -> Iterator[str]:
    """Like `running`; yields the server's URL."""
    with running(server):
        yield server.url


def prepare(server: Server) -> None:
    """Makes the server's folders and, before its first start, its data; raises `ServerError`."""
    server.folder.mkdir(parents=True, exist_ok=True)
    for folder in server.folders:
        folder.mkdir(parents=True, exist_ok=True)
    if server.identity.user is not None:
        shutil.chown(server.folder, server.identity.user, server.identity.group)
    if server.initialisation is not None and not server.initialisation.creates.exists():
        _initialise(server, server.initialisation)


def _initialise(server: Server, initialisation: Initialisation) -> None:
    log = server.folder / "initialisation.log"
    with log.open("wb") as sink:
        done = _popen(server, initialisation.command, sink).wait()
    if done:
        raise ServerError(f"{server.title}: its data could not be made, code {done}\n{tail(log)}")


def _start(server: Server) -> subprocess.Popen[bytes]:
    with server.log.open("wb") as sink:
        return _popen(server, server.command, sink)


def _popen(server: Server, command: Sequence[str | Path], sink: IO[bytes]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [*server.identity.prefix, *command],
        cwd=server.workdir or server.folder,
        env=server.environment,
        stdin=subprocess.DEVNULL,
        stdout=sink,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def _guard(process: subprocess.Popen[bytes], stop_signal: signal.Signals) -> subprocess.Popen[bytes]:
    """Ends the server's group when this process is killed: the guard's input closes then."""
    command = ["sh", "-c", GUARD_SCRIPT, str(process.pid), stop_signal.name.removeprefix("SIG")]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True)


def _wait(server: Server, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while not server.ready.now():
        if process.poll() is not None:
            raise ServerError(f"{server.title} ended with code {process.returncode}\n{tail(server.log)}")
        if time.monotonic() > deadline:
            raise ServerError(f"{server.title} is not ready in {READY_SECONDS:.0f} s\n{tail(server.log)}")
        time.sleep(0.1)


def _stop(process: subprocess.Popen[bytes], stop_signal: signal.Signals) -> None:
    """Ends the group that this process leads: politely, then surely, so that its children go too."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, stop_signal)
    with suppress(subprocess.TimeoutExpired):
        process.wait(STOP_SECONDS)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(STOP_SECONDS)


def tail(log: Path) -> str:
    """The last lines of a log file, for a failure's message."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-LOG_TAIL_LINES:])
