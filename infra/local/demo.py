"""The whole loop on the bundled query log, history and drift report among it; `make demo` runs it."""

import argparse
import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles
from typing import Any, Final

from infra.local.loop import EVENTS, ROOT, StepError, child_environment, in_order_of_time, new_folder, route, step
from infra.local.processes import ServerError
from infra.local.scale import SCALED_RULE_ARGUMENTS
from infra.local.servers import mlflow_server, prefect_server, router_server
from smart_routing.protocol import ROUTE_PATH
from smart_routing.querylog.records import QueryRecord

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
        mlflow_server(new_folder(WORKSPACE, "mlflow"), backend=backend, artifacts=artifacts) as registry,
        prefect_server(new_folder(WORKSPACE, "prefect")) as prefect,
    ):
        environment = child_environment(WORKSPACE, registry=registry, prefect=prefect)
        ingested = step("ingest", "flows.ingest_query_log", ["--events", events], environment)
        trained = step("train", "flows.train_classifier", SCALED_RULE_ARGUMENTS, environment)
        version = str(trained["version"])
        step("evaluate", "flows.evaluate_model", ["--version", version], environment)
        step("promote", "flows.promote_model", ["--version", version], environment)
        records = in_order_of_time(events)
        step("history", "flows.build_history", ["--as-of", records[-BATCH:][0].create_time.isoformat()], environment)
        with router_server(new_folder(WORKSPACE, "router"), environment) as router:
            batch = route_batch(router, records[-BATCH:])
        as_of = records[-1].create_time.isoformat()
        drift = step("drift report", "flows.report_drift", ["--as-of", as_of], environment)
    return summarise(ingested, trained, batch, drift)


def route_batch(router: str, records: Sequence[QueryRecord]) -> Batch:
    """Raises `StepError` on any answer but 200."""
    print(f"== route: {len(records)} real statements to {router}{ROUTE_PATH}", flush=True)
    answers = route(router, records)
    cuts = quantiles([answer.milliseconds for answer in answers], n=100)
    return Batch(
        statements=len(records),
        light=sum(answer.decision == "light" for answer in answers),
        versions=frozenset(answer.version for answer in answers),
        p50=cuts[49],
        p99=cuts[98],
    )


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
