"""The whole loop on the bundled query log, history and drift report among it; `make demo` runs it."""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles
from typing import Any, Final

import httpx

from infra.local.environment import kept_below
from infra.local.processes import ServerError
from infra.local.scale import SCALED_RULE_ARGUMENTS
from infra.local.servers import mlflow_server, prefect_server, router_server
from smart_routing.protocol import ROUTE_PATH
from smart_routing.querylog.records import QueryRecord
from smart_routing.querylog.source import read_query_log

ROOT: Final = Path(__file__).parents[2]
EVENTS: Final = ROOT / "data" / "trino-query-log"
WORKSPACE: Final = ROOT / "var" / "demo"
BATCH: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Answers of the router to a batch of statements; latencies in milliseconds, as their client sees them."""

    statements: int
    light: int
    versions: frozenset[str]
    p50: float
    p99: float


class StepError(Exception):
    """A step of the demo ended with an error; its own words are above."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--events", default=str(EVENTS), help="query log to run on (default: the bundled one)")
    options = parser.parse_args()
    begun = time.monotonic()
    shutil.rmtree(WORKSPACE, ignore_errors=True)
    WORKSPACE.mkdir(parents=True)
    try:
        summary = run_loop(options.events)
    except (StepError, ServerError) as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    print(summary)
    print(f"\nall of it took {time.monotonic() - begun:.0f} s")
    return 0


def run_loop(events: str) -> str:
    """Every step with its servers on loopback; returns the summary."""
    backend, artifacts = f"sqlite:///{WORKSPACE}/mlflow.db", str(WORKSPACE / "artifacts")
    with (
        mlflow_server(folder("mlflow"), backend=backend, artifacts=artifacts) as registry,
        prefect_server(folder("prefect")) as prefect,
    ):
        environment = child_environment(registry, prefect)
        ingested = step("ingest", "flows.ingest_query_log", ["--events", events], environment)
        trained = step("train", "flows.train_classifier", SCALED_RULE_ARGUMENTS, environment)
        version = str(trained["version"])
        step("evaluate", "flows.evaluate_model", ["--version", version], environment)
        step("promote", "flows.promote_model", ["--version", version], environment)
        records = in_order_of_time(events)
        step("history", "flows.build_history", ["--as-of", records[-BATCH:][0].create_time.isoformat()], environment)
        with router_server(folder("router"), environment) as router:
            batch = route(router, records[-BATCH:])
        as_of = records[-1].create_time.isoformat()
        drift = step("drift report", "flows.report_drift", ["--as-of", as_of], environment)
    return summarise(ingested, trained, batch, drift)


def folder(name: str) -> Path:
    made = WORKSPACE / name
    made.mkdir()
    return made


def child_environment(registry: str, prefect: str) -> dict[str, str]:
    """The user's environment, with every setting that would lead out of the demo replaced."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SMART_ROUTING_", "PREFECT_"))}
    return kept | {
        "PREFECT_API_URL": prefect,
        "PREFECT_HOME": str(WORKSPACE / "prefect"),
        "DO_NOT_TRACK": "1",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        **kept_below(WORKSPACE),
        "SMART_ROUTING_REGISTRY_URI": registry,
    }


def step(title: str, module: str, arguments: Sequence[str], environment: Mapping[str, str]) -> dict[str, Any]:
    """Run one command of the project as a user would, and read its JSON summary; raises `StepError`."""
    command = [sys.executable, "-m", module, *arguments, "--json"]
    print(f"== {title}: python -m {module} {' '.join(arguments)}", flush=True)
    begun = time.monotonic()
    done = subprocess.run(command, cwd=ROOT, env=dict(environment), stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise StepError(f"{title} ended with code {done.returncode}")
    print(f"   {time.monotonic() - begun:.0f} s", flush=True)
    summary: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return summary


def in_order_of_time(events: str) -> list[QueryRecord]:
    """All records in order of time."""
    return sorted(read_query_log(events, rejects=None), key=lambda record: record.create_time)


def route(router: str, records: Sequence[QueryRecord]) -> Batch:
    """Ask the router about each statement, one after the other; raises `StepError` on any answer but 200."""
    print(f"== route: {len(records)} real statements to {router}{ROUTE_PATH}", flush=True)
    latencies, answers = [], []
    with httpx.Client(base_url=router) as client:
        for record in records:
            begun = time.perf_counter()
            answer = client.post(ROUTE_PATH, json=body(record))
            latencies.append((time.perf_counter() - begun) * 1000)
            if answer.status_code != httpx.codes.OK:
                raise StepError(f"router answered {answer.status_code} to {record.query_id}: {answer.text[:200]}")
            answers.append(answer.json())
    cuts = quantiles(latencies, n=100)
    return Batch(
        statements=len(records),
        light=sum(answer["decision"] == "light" for answer in answers),
        versions=frozenset(answer["modelVersion"] for answer in answers),
        p50=cuts[49],
        p99=cuts[98],
    )


def body(record: QueryRecord) -> dict[str, Any]:
    """The record as a request on the data port."""
    request = record.request()
    session = {"catalog": request.catalog, "schema": request.schema}
    return {
        "queryId": request.query_id,
        "user": request.user,
        "source": request.source,
        "sqlText": request.sql,
        "sessionProperties": {name: value for name, value in session.items() if value is not None},
        "submittedAt": request.submitted_utc.isoformat(),
    }


def summarise(ingested: dict[str, Any], trained: dict[str, Any], batch: Batch, drift: dict[str, Any]) -> str:
    """What a person wants to know at the end."""
    versions = ", ".join(sorted(batch.versions))
    store = f"sqlite:///{WORKSPACE.relative_to(ROOT)}/mlflow.db"
    return f"""
{trained["report"]}

query log      {ingested["read"]} events read, {ingested["rejected"]} lines rejected, {ingested["added"]} stored
model version  {versions}, in production
routed batch   {batch.statements} statements over HTTP, {batch.light / batch.statements:.0%} light; \
p50 {batch.p50:.1f} ms, p99 {batch.p99:.1f} ms
drift          {drift["verdict"]}: {drift["reason"]}

Where to look:
  the drift report        {Path(drift["folder"]).relative_to(ROOT)}
  what the router decided var/demo/decision-log
  runs, plots, versions   .venv/bin/mlflow server --backend-store-uri {store} \
--artifacts-destination var/demo/artifacts"""


if __name__ == "__main__":
    sys.exit(main())
