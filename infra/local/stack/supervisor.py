"""process-compose, the supervisor of a stack: its configuration, its control, and that nothing of it is left."""

import json
import os
import shlex
import socket
import subprocess
import time
from collections.abc import Iterable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from infra.local.processes import PROBE_SECONDS, Answers, Server, Succeeds, require, server_environment
from infra.local.servers.programs import ROOT, supervisor_program
from infra.local.stack.marked import end, marked
from infra.local.stack.parts import Part, Step
from infra.local.stack.site import Site

MARK: Final = "STACK_FOLDER"
"""In the environment of the supervisor and of all that it starts: by this a stack knows its own processes."""
SOCKET_BYTES: Final = 100
"""A longer path is no address of a Unix socket."""
START_SECONDS: Final = 15.0
STOP_SECONDS: Final = 90.0
PATIENCE: Final = 180
"""Seconds without an answer after which a server is started again."""
RESTART_SECONDS: Final = 1
AS_WRITTEN: Final = {
    "fields_order": ["message"],
    "no_metadata": True,
    "disable_json": True,
    "no_color": True,
    "flush_each_line": True,
}
"""Logs have the lines of the part and nothing else."""


class SupervisorError(Exception):
    """The supervisor did not start, or does not do as it is told."""


@dataclass(frozen=True, slots=True)
class PartState:
    """What the supervisor knows of a part; its process may be one of the past."""

    name: str
    status: str
    healthy: bool
    exit_code: int
    restarts: int
    pid: int


@dataclass(frozen=True, slots=True)
class Supervisor:
    """The supervisor of the stack in `folder`, whether it runs or not."""

    folder: Path

    @property
    def socket(self) -> Path:
        return self.folder / "supervisor.sock"

    @property
    def log(self) -> Path:
        return self.folder / "supervisor.log"

    def is_alive(self) -> bool:
        """Whether it answers; a socket that a dead one left does not."""
        with suppress(SupervisorError):
            self._ask("GET", "/live", timeout=PROBE_SECONDS)
            return True
        return False

    def start(self, site: Site, parts: Sequence[Part]) -> None:
        """Starts it with its parts and waits until it answers, not until they are ready; raises `SupervisorError`."""
        if len(os.fsencode(self.socket)) > SOCKET_BYTES:
            raise SupervisorError(f"{self.socket} is too long for a socket: name a folder of a shorter path (--folder)")
        config = self.folder / "supervisor.json"
        config.touch(mode=0o600)
        config.write_text(json.dumps(configuration(site, parts), indent=1))
        control = ["--use-uds", "--unix-socket", str(self.socket), "--log-file", str(self.log)]
        with (self.folder / "supervisor.err").open("wb") as sink:
            process = subprocess.Popen(
                [require(supervisor_program()), "up", "--config", config, "--tui=false", "--disable-dotenv", *control],
                cwd=ROOT,
                env=server_environment(self.folder, **{MARK: str(self.folder)}),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,  # where it repeats every part's log
                stderr=sink,
                start_new_session=True,
            )
        deadline = time.monotonic() + START_SECONDS
        while not self.is_alive():
            if process.poll() is not None or time.monotonic() > deadline:
                raise SupervisorError(f"the supervisor does not answer: see {self.log} and {sink.name}")
            time.sleep(0.1)

    def states(self) -> dict[str, PartState]:
        """By name; raises `SupervisorError` where it does not answer."""
        found = json.loads(self._ask("GET", "/processes"))["data"]
        return {entry["name"]: _state(entry) for entry in found}

    def stop(self) -> None:
        """Ends it with all its parts, and whatever of theirs is left; without it, only the latter."""
        with suppress(SupervisorError):
            self._ask("POST", "/project/stop")
        deadline = time.monotonic() + STOP_SECONDS
        while self.is_alive() and time.monotonic() < deadline:
            time.sleep(0.2)
        end(self.processes)
        self.socket.unlink(missing_ok=True)

    def stop_part(self, name: str) -> None:
        """Ends one part, which stays so until `start_part`; raises `SupervisorError`."""
        self._ask("PATCH", f"/process/stop/{name}")

    def start_part(self, name: str) -> None:
        """Starts a part that was stopped; raises `SupervisorError`."""
        self._ask("POST", f"/process/start/{name}")

    def processes(self) -> list[int]:
        """The ids of its processes that live, its own and those of parts that it lost among them."""
        return marked(MARK, str(self.folder))

    def _ask(self, method: str, path: str, *, timeout: float = STOP_SECONDS) -> bytes:
        """What it answers to a request of its API; raises `SupervisorError` for all but a 200."""
        with closing(_Control(self.socket, timeout=timeout)) as control:
            try:
                control.request(method, path)
                reply = control.getresponse()
                body = reply.read()
            except (OSError, HTTPException) as error:
                raise SupervisorError(
                    f"no supervisor answers in {self.folder}: {error}; its log is {self.log}"
                ) from error
        if reply.status != HTTPStatus.OK:
            raise SupervisorError(f"the supervisor answers {reply.status} to {path}: {body[:200]!r}; see {self.log}")
        return body


class _Control(HTTPConnection):
    """HTTP over a Unix socket; closed even where nobody listens, which httpx does not do."""

    def __init__(self, path: Path, *, timeout: float) -> None:
        super().__init__("supervisor", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def configuration(site: Site, parts: Iterable[Part]) -> dict[str, Any]:
    """process-compose's own form of the parts."""
    chosen = list(parts)
    works = {part.name: part.work(site) for part in chosen}
    return {
        "version": "0.5",
        "is_strict": True,
        "disable_env_expansion": True,
        "ordered_shutdown": True,
        "processes": {part.name: _process(part, works) for part in chosen},
    }


def _process(part: Part, works: dict[str, Server | Step]) -> dict[str, Any]:
    work = works[part.name]
    common = {
        "environment": [f"{name}={value}" for name, value in work.environment.items()],
        "log_location": str(work.log),
        "log_configuration": AS_WRITTEN,
        "depends_on": {need: {"condition": _condition(works[need])} for need in part.needs},
    }
    return common | (_server(work) if isinstance(work, Server) else _step(work))


def _condition(work: Server | Step) -> str:
    return "process_healthy" if isinstance(work, Server) else "process_completed_successfully"


def _server(server: Server) -> dict[str, Any]:
    return {
        "entrypoint": [str(word) for word in (*server.identity.prefix, *server.command)],
        "working_dir": str(server.workdir or server.folder),
        "readiness_probe": _probe(server.ready) | {"period_seconds": 1, "failure_threshold": PATIENCE},
        "availability": {"restart": "always", "backoff_seconds": RESTART_SECONDS},
        "shutdown": {"signal": int(server.stop_signal), "timeout_seconds": 15},
    }


def _step(step: Step) -> dict[str, Any]:
    return {"entrypoint": list(step.command), "working_dir": str(ROOT), "availability": {"restart": "no"}}


def _probe(ready: Answers | Succeeds) -> dict[str, Any]:
    if isinstance(ready, Succeeds):
        return {"exec": {"command": shlex.join(map(str, ready.command))}, "timeout_seconds": 3}
    if ready.text:
        command = f"curl -fsS {shlex.quote(ready.url)} | grep -qF {shlex.quote(ready.text)}"
        return {"exec": {"command": command}, "timeout_seconds": 3}
    site = urlsplit(ready.url)
    return {"http_get": {"host": site.hostname, "port": str(site.port), "path": site.path}, "timeout_seconds": 3}


def _state(entry: dict[str, Any]) -> PartState:
    return PartState(
        name=entry["name"],
        status=entry["status"],
        healthy=entry["is_ready"] == "Ready",
        exit_code=entry["exit_code"],
        restarts=entry["restarts"],
        pid=entry["pid"],
    )
