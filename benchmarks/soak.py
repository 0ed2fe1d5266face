"""Ask a real router without a pause while its registry, its S3 store and Redis go away and come back."""

import json
import subprocess
import sys
import threading
import time
from argparse import Namespace
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.client import HTTPConnection, HTTPException
from itertools import count
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any, Final
from urllib.parse import urlsplit

from benchmarks.hostile.corpus import read_corpus
from benchmarks.offline.memory import tree_bytes
from benchmarks.trained import make_bundle
from flows.command import CommandParser, positive, positive_number, run
from infra.local.environment import kept_below
from infra.local.loop import EVENTS
from infra.local.processes import free_port, running, server_environment
from infra.local.servers.databases import redis
from infra.local.servers.mlops import mlflow
from infra.local.servers.programs import ROOT
from infra.local.servers.router import router
from infra.local.servers.s3 import S3Server, s3
from models.registry import ModelRegistry, Provenance
from models.versions import ValidationStatus
from smart_routing.errors import SmartRoutingError
from smart_routing.protocol import ALIAS_PRODUCTION, ROUTE_PATH
from smart_routing.settings import RegistrySettings

CLIENTS: Final = 4
USERS: Final = 50
PATIENCE_SECONDS: Final = 30.0
BUCKET: Final = "soak"
LOG_ENDS: Final = "2026-10-15T00:00:00+00:00"
OUTAGES: Final = (
    (0.15, 0.25, ("registry",)),
    (0.30, 0.40, ("store",)),
    (0.45, 0.55, ("redis",)),
    (0.60, 0.75, ("registry", "store", "redis")),
)
"""From which share of the requests to which, and who is away."""
BACK: Final = 0.03
"""The share that may be asked while they come back."""
MOST_GROWTH: Final = 0.05
"""Of the resident memory, from a tenth of the requests to the last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Soaked:
    """What came of a run; `reasons` counts the answers, `failures` what was no 200."""

    requests: int
    seconds: float
    reasons: dict[str, int]
    failures: dict[str, int]
    early_bytes: int
    late_bytes: int

    @property
    def growth(self) -> float:
        return self.late_bytes / self.early_bytes - 1

    def as_json(self) -> dict[str, Any]:
        slots = {name: getattr(self, name) for name in self.__slots__}
        return slots | {"growth": self.growth}

    def __str__(self) -> str:
        return (
            f"{self.requests:,} requests in {self.seconds:.0f} s while registry, store and Redis went and came back: "
            f"{sum(self.failures.values())} without a 200 {self.failures or ''}; resident memory "
            f"{self.early_bytes / 1e6:.1f} MB at 10%, {self.late_bytes / 1e6:.1f} MB at the end ({self.growth:+.1%})"
        )


@dataclass(slots=True)
class _Load:
    """Clients that share a number of requests; each asks in a closed loop on a connection of its own.

    They pause at `limit`, a share of the requests: a server may take longer to go than it is to be away.
    """

    url: str
    bodies: list[bytes]
    requests: int
    numbers: Iterator[int] = field(default_factory=count)
    asked: int = 0
    limit: float = 0.0
    reasons: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Until all were asked; a block that fails ends them sooner."""
        clients = [threading.Thread(target=self._ask_all) for _ in range(CLIENTS)]
        for client in clients:
            client.start()
        try:
            yield
        except BaseException:
            self.requests = 0
            raise
        finally:
            for client in clients:
                client.join()

    def allow(self, share: float) -> None:
        """This share of the requests may be asked."""
        self.limit = share

    def reach(self, share: float) -> None:
        """Until this share of the requests was asked."""
        self.allow(share)
        while self.asked + CLIENTS < share * self.requests:
            time.sleep(0.02)

    def _ask_all(self) -> None:
        address = urlsplit(self.url)
        connection = HTTPConnection(address.hostname or "", address.port, timeout=PATIENCE_SECONDS)
        while (number := next(self.numbers)) < self.requests:
            while number > self.limit * self.requests:
                connection.close()  # the router would, after a few seconds
                time.sleep(0.001)
            try:
                self._ask(connection, self.bodies[number % len(self.bodies)])
            except (OSError, HTTPException) as error:
                self.failures[type(error).__name__] += 1
                connection.close()
            self.asked = max(self.asked, number)
        connection.close()

    def _ask(self, connection: HTTPConnection, body: bytes) -> None:
        connection.request("POST", ROUTE_PATH, body=body)
        answer = connection.getresponse()
        content = answer.read()
        if answer.status == 200:
            self.reasons[json.loads(content)["reason"]] += 1
        else:
            self.failures[str(answer.status)] += 1


class _Site:
    """The router and what it follows; each of those may be away for a while."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._folder = folder
        self._starts = self._servers()
        self._up = {name: stack.enter_context(ExitStack()) for name in self._starts}
        for name in self._starts:
            self.give_back(name)

    def take_away(self, name: str) -> None:
        self._up[name].close()

    def give_back(self, name: str) -> None:
        self._up[name].enter_context(self._starts[name]())

    @property
    def variables(self) -> dict[str, str]:
        """Of the router."""
        own = {
            "SMART_ROUTING_S3_ENDPOINT_URL": self._s3.endpoint_url,
            "SMART_ROUTING_REGISTRY_URI": self.registry_url,
            "SMART_ROUTING_KNOWN_HEAVY_STORE": self._redis_url,
            "SMART_ROUTING_HISTORY_SNAPSHOT": f"s3://{BUCKET}/history.npz",
            "SMART_ROUTING_SERVING_POLICY_FILE": f"s3://{BUCKET}/policy.json",
            "SMART_ROUTING_SERVING_ADMIN_PORT": "0",
        }
        return server_environment(self._folder, **kept_below(self._folder) | self._s3.environment | own)

    def publish(self, bundle: Path) -> None:
        """A model in production, a policy, and a history."""
        self._s3.create_bucket(BUCKET)
        self._flow("set_policy", "--mode", "full")
        self._flow("build_history", "--events", str(EVENTS), "--as-of", LOG_ENDS)
        registry = ModelRegistry.connect(RegistrySettings(uri=self.registry_url))
        with registry.tracking.run("soak") as run_id:
            version = registry.register_bundle(bundle, _provenance(run_id))
        registry.set_alias(ALIAS_PRODUCTION, version.number)

    def _flow(self, name: str, *arguments: str) -> None:
        command = [sys.executable, "-m", f"flows.{name}", *arguments]
        subprocess.run(command, cwd=ROOT, env=self.variables, check=True, stdout=subprocess.DEVNULL)

    def _servers(self) -> dict[str, Callable[[], AbstractContextManager[object]]]:
        folder = self._folder
        backend = f"sqlite:///{folder}/mlflow.db"
        registry = mlflow(folder / "mlflow", free_port(), backend=backend, artifacts=str(folder / "artifacts"))
        store, list_store = s3(folder / "s3", free_port()), redis(folder / "redis", free_port())
        self.registry_url, self._redis_url, self._s3 = registry.url, list_store.url, S3Server(endpoint_url=store.url)
        servers = {"registry": registry, "store": store, "redis": list_store}
        return {name: lambda server=server: running(server) for name, server in servers.items()}  # type: ignore[misc]


def _provenance(run_id: str) -> Provenance:
    now = datetime.now(UTC)
    return Provenance(
        run_id=run_id,
        dataset_digest="soak",
        git_commit="soak",
        calibrated_until=now,
        validation_status=ValidationStatus.PASSED,
    )


def soak(*, requests: int, bundle: Path | None = None, seed: int = 0) -> Soaked:
    """Starts all of it, asks, and ends all of it."""
    with TemporaryDirectory(prefix="soak-", ignore_cleanup_errors=True) as scratch, ExitStack() as stack:
        folder = Path(scratch)
        folder.chmod(0o711)
        if bundle is None:
            bundle = folder / "bundle"
            make_bundle(str(EVENTS), bundle)
        site = _Site(folder, stack)
        site.publish(bundle)
        server = router(folder / "router", free_port(), environment=site.variables)
        process = stack.enter_context(running(server))
        return _soaked(_Load(server.url, _bodies(seed), requests), site, process.pid)


def _soaked(load: _Load, site: _Site, pid: int) -> Soaked:
    began = time.monotonic()
    with load.running():
        load.reach(0.1)
        early = tree_bytes(pid)
        for start, end, names in OUTAGES:
            _without(names, load, site, start=start, end=end)
        load.reach(1.0)
        late = tree_bytes(pid)
    return Soaked(
        requests=load.requests,
        seconds=time.monotonic() - began,
        reasons=dict(load.reasons),
        failures=dict(load.failures),
        early_bytes=early,
        late_bytes=late,
    )


def _without(names: tuple[str, ...], load: _Load, site: _Site, *, start: float, end: float) -> None:
    load.reach(start)
    sys.stderr.write(f"soak: {load.asked:,} asked, {sum(load.failures.values())} failed; away: {', '.join(names)}\n")
    load.allow((start + end) / 2)
    for name in names:
        site.take_away(name)
    load.reach(end)
    load.allow(end + BACK)
    for name in names:
        site.give_back(name)


def _bodies(seed: int) -> list[bytes]:
    """The bundled log's statements, by many users, in an order drawn from the seed."""
    random = Random(seed)
    statements = list(read_corpus(test_data=None).statements)
    random.shuffle(statements)
    session = {"catalog": "lake", "schema": "sales"}
    return [
        json.dumps(
            {"queryId": "q", "user": f"u{random.randrange(USERS)}", "sqlText": sql, "sessionProperties": session}
        ).encode()
        for sql in statements
    ]


def main() -> None:
    parser = CommandParser(module="benchmarks.soak", description=str(__doc__))
    parser.add_argument("--requests", type=positive, default=1_000_000, help="in all (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the order of statements")
    parser.add_argument("--bundle", type=Path, help="folder of the model; default: one made from the bundled log")
    parser.add_argument("--most-growth", type=positive_number, default=MOST_GROWTH, help="of memory (%(default)s)")
    run(parser, _command, needs_prefect=False)


def _command(options: Namespace) -> Soaked:
    soaked = soak(requests=options.requests, bundle=options.bundle, seed=options.seed)
    if soaked.failures or soaked.growth > options.most_growth:
        raise SmartRoutingError(f"{soaked}: expected no failure and a growth of at most {options.most_growth:.0%}")
    return soaked


if __name__ == "__main__":
    main()
