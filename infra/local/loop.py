"""What the demo and the replay are made of: the project's commands as steps, and statements sent to a router."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx

from infra.local.environment import kept_below
from smart_routing.protocol import ROUTE_PATH
from smart_routing.querylog.records import QueryRecord
from smart_routing.querylog.source import read_query_log

ROOT: Final = Path(__file__).parents[2]
EVENTS: Final = ROOT / "data" / "trino-query-log"


class StepError(Exception):
    """A step ended with an error; its own words are above."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a router said of one statement, and the milliseconds that its client waited."""

    decision: str
    version: str
    milliseconds: float


def tell(line: str) -> None:
    """Progress, which is for stderr."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def new_folder(workspace: Path, name: str) -> Path:
    """Raises `OSError` where it is there already."""
    made = workspace / name
    made.mkdir()
    return made


def child_environment(workspace: Path, *, registry: str, prefect: str) -> dict[str, str]:
    """The user's environment, with every setting that would lead out of the workspace replaced."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SMART_ROUTING_", "PREFECT_"))}
    return kept | {
        "PREFECT_API_URL": prefect,
        "PREFECT_HOME": str(workspace / "prefect"),
        "DO_NOT_TRACK": "1",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        **kept_below(workspace),
        "SMART_ROUTING_REGISTRY_URI": registry,
    }


def step(title: str, module: str, arguments: Sequence[str], environment: Mapping[str, str]) -> dict[str, Any]:
    """Run one command of the project as a user would, and read its JSON summary; raises `StepError`."""
    command = [sys.executable, "-m", module, *arguments, "--json"]
    tell(f"== {title}: python -m {module} {' '.join(arguments)}")
    begun = time.monotonic()
    done = subprocess.run(command, cwd=ROOT, env=dict(environment), stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise StepError(f"{title} ended with code {done.returncode}")
    tell(f"   {time.monotonic() - begun:.0f} s")
    summary: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return summary


def in_order_of_time(events: str) -> list[QueryRecord]:
    """All records in order of time."""
    return sorted(read_query_log(events, rejects=None), key=lambda record: record.create_time)


def route(router: str, records: Sequence[QueryRecord]) -> list[Answer]:
    """Ask the router about each statement, one after the other; raises `StepError` on any answer but 200."""
    with httpx.Client(base_url=router) as client:
        return [_ask(client, record) for record in records]


def _ask(client: httpx.Client, record: QueryRecord) -> Answer:
    begun = time.perf_counter()
    reply = client.post(ROUTE_PATH, json=body(record))
    milliseconds = (time.perf_counter() - begun) * 1000
    if reply.status_code != httpx.codes.OK:
        raise StepError(f"router answered {reply.status_code} to {record.query_id}: {reply.text[:200]}")
    said = reply.json()
    return Answer(decision=said["decision"], version=said["modelVersion"], milliseconds=milliseconds)


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
