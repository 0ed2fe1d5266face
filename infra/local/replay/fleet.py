"""The running system that a log is replayed through, and what the replay has it do."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from time import monotonic, sleep
from typing import Any, Final

import httpx

from infra.local.loop import StepError, child_environment, new_folder, route, step
from infra.local.processes import LOOPBACK, free_port
from infra.local.replay.plan import Slice
from infra.local.servers import mlflow_server, prefect_server, router_server
from models.gate import GATE_FILE
from smart_routing.querylog.records import QueryRecord
from smart_routing.querylog.store import open_store

TARGET_BOUND: Final = 0.1
"""Of the gate: 29 heavy template-schema-days can support it, which few days have; 5% takes 59."""
FOLLOWED_SECONDS: Final = 60.0
"""In which the router is to serve a version, or a history, that was published."""
FLUSHED_SECONDS: Final = 0.5
"""After which the decision log has what was decided before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """A training and what came of it; `version` is None where none was made, `told` says why, or what the gate said."""

    version: int | None
    passed: bool
    promoted: bool
    told: str


@dataclass(slots=True)
class Fleet:
    """Servers that are up, with one router. `environment` is that of every command."""

    workspace: Path
    environment: dict[str, str]
    training_arguments: Sequence[str]
    router: str | None = None
    admin_port: int = field(default_factory=free_port)

    def ingest(self, records: Iterator[QueryRecord]) -> int:
        """How many the store did not have."""
        return open_store(self.environment["SMART_ROUTING_QUERY_LOG_STORE"]).append(records).added

    def train_first(self) -> Training:
        """By the limits that were given; the trainings after it take them from the version that serves."""
        made = step("first training", "flows.train_classifier", self.training_arguments, self.environment)
        told = "it passed the gate" if made["passed"] else f"the gate refused it: {'; '.join(made['reasons'])}"
        return Training(version=made["version"], passed=made["passed"], promoted=False, told=told)

    def answer(self, report: Mapping[str, Any]) -> Training:
        """What the automation of Prefect does on a verdict; where it promotes, the router serves when this returns."""
        why = ["--reason", report["reason"], "--verdict", report["verdict"], "--model-version", report["model_version"]]
        made = step("answer", "flows.retrain_on_drift", why, self.environment)
        if made["promoted"]:
            self.await_version(made["version"])
        return Training(**{name: made[name] for name in ("version", "passed", "promoted", "told")})

    def promote(self, version: int, *, reason: str, force: bool = False) -> None:
        """Returns as soon as the router serves it; `force` has a version serve that did not pass the gate."""
        order = ["--version", str(version), "--reason", reason, *(["--force"] if force else [])]
        step("promote", "flows.promote_model", order, self.environment)
        self.await_version(version)

    def await_version(self, version: int) -> None:
        """Returns as soon as the router serves it."""
        self._await("version", lambda told: str(told).startswith(f"v{version}-"))

    def serving(self) -> str:
        """The version that the router decides by, as it calls it."""
        return str(self._asked()["version"])

    def publish_history(self, as_of: datetime) -> None:
        """Returns as soon as the router decides by it."""
        told = step("history", "flows.build_history", ["--as-of", as_of.isoformat()], self.environment)
        self._await("historySnapshot", lambda snapshot: snapshot == told["snapshot"])

    def decide(self, part: Slice) -> int:
        """The statements that the router called light."""
        if self.router is None:
            raise AssertionError("no router runs")
        answers = route(self.router, part.records)
        return sum(answer.decision == "light" for answer in answers)

    def report(self, as_of: datetime) -> dict[str, Any]:
        sleep(FLUSHED_SECONDS)
        return step("nightly report", "flows.report_drift", ["--as-of", as_of.isoformat(), "--act"], self.environment)

    def _asked(self) -> dict[str, Any]:
        reply: dict[str, Any] = httpx.get(f"http://{LOOPBACK}:{self.admin_port}/v1/model").raise_for_status().json()
        return reply

    @contextmanager
    def routing(self) -> Iterator[None]:
        """A router while the block runs."""
        folder = new_folder(self.workspace, "router")
        with router_server(folder, self.environment, ready="/healthz") as self.router:
            yield
        self.router = None

    def _await(self, name: str, holds: Callable[[Any], bool]) -> None:
        if self.router is None:
            return
        ends = monotonic() + FOLLOWED_SECONDS
        while not holds(self._asked()[name]):
            if monotonic() > ends:
                raise StepError(f"the router did not take the new {name} within {FOLLOWED_SECONDS:g} s")
            sleep(0.1)


def _gate_for_days(workspace: Path) -> Path:
    """The gate's file with the bound that a log of days can support."""
    file = workspace / GATE_FILE.name
    file.write_text(re.sub(r"(?m)^target_bound = .*$", f"target_bound = {TARGET_BOUND}", GATE_FILE.read_text()))
    return file


@contextmanager
def fleet(workspace: Path, training_arguments: Sequence[str]) -> Iterator[Fleet]:
    """MLflow, Prefect and a router in a new folder, and all that they and the flows keep."""
    backend, artifacts = f"sqlite:///{workspace}/mlflow.db", str(workspace / "artifacts")
    with (
        mlflow_server(new_folder(workspace, "mlflow"), backend=backend, artifacts=artifacts) as registry,
        prefect_server(new_folder(workspace, "prefect")) as prefect,
    ):
        made = Fleet(workspace, child_environment(workspace, registry=registry, prefect=prefect), training_arguments)
        made.environment |= {
            "SMART_ROUTING_HISTORY_TTL_HOURS": "876000",  # of a log's time, not of the clock's
            "SMART_ROUTING_HISTORY_POLL_SECONDS": "0.5",
            "SMART_ROUTING_SERVING_POLL_SECONDS": "0.5",
            "SMART_ROUTING_SERVING_VECTORS": "all",
            "SMART_ROUTING_DEPLOYMENT_AUTO_PROMOTE": "true",
            "SMART_ROUTING_DEPLOYMENT_COOLDOWN_HOURS": "0",  # of the clock, while nights follow each other in a minute
            "SMART_ROUTING_DEPLOYMENT_GATE": str(_gate_for_days(workspace)),
            "SMART_ROUTING_SERVING_ADMIN_PORT": str(made.admin_port),
        }
        with made.routing():
            yield made
