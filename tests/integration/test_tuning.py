"""A search for parameters as a user starts and ends it, against real Prefect and MLflow servers."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from models.params import PARAMS_FILE, read_params
from models.tuning.space import point_of
from tests.shell import ROOT, Shell, own_environment
from tests.unit.flows.logs import line
from tests.waiting import wait_until

PATIENT = {"OMP_WAIT_POLICY": "passive", "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120"}  # of a busy machine
SEARCH = ("--cpu-seconds", "1", "--memory-bytes", "35791394", "--json")


@pytest.fixture
def log(tmp_path: Path) -> Path:
    file = tmp_path / "events.jsonl"
    file.write_bytes(b"\n".join(line(number) for number in range(300)))
    return file


@pytest.fixture
def shell(prefect_server: str, mlflow_tracking_uri: str, tmp_path: Path) -> Shell:
    settings = {"PREFECT_API_URL": prefect_server, "SMART_ROUTING_REGISTRY_URI": mlflow_tracking_uri}
    return Shell(own_environment(tmp_path / "own", **settings, **PATIENT))


def children(uri: str, parent: str) -> list[dict[str, Any]]:
    """The runs below a run, the first one first."""
    api = f"{uri}/api/2.0/mlflow"
    run = httpx.get(f"{api}/runs/get", params={"run_id": parent}).raise_for_status().json()["run"]
    wanted = f"tags.`mlflow.parentRunId` = '{parent}'"
    asked = {"experiment_ids": [run["info"]["experiment_id"]], "filter": wanted, "order_by": ["attributes.start_time"]}
    found: list[dict[str, Any]] = httpx.post(f"{api}/runs/search", json=asked).raise_for_status().json().get("runs", [])
    return found


def test_search_is_tracked_repeatable_and_writes_only_what_is_better(
    shell: Shell, log: Path, mlflow_tracking_uri: str, tmp_path: Path
) -> None:
    out = tmp_path / "params.toml"
    first, second = (
        shell.flow("tune", "--events", str(log), *SEARCH, "--trials", "3", "--out", str(out), *more)
        for more in (("--dry-run",), ())
    )
    assert (first["trials"], first["ended"], first["file"]) == (3, "trials", None)
    assert {**first, "run_id": None, "file": None} == {**second, "run_id": None, "file": None}
    assert out.exists() == second["improved"] == (second["file"] is not None)
    if out.exists():
        assert point_of(read_params(out)) == second["best"]["params"]
    runs = children(mlflow_tracking_uri, second["run_id"])
    assert [run["info"]["run_name"] for run in runs] == ["trial 0", "trial 1", "trial 2"]
    assert {run["info"]["status"] for run in runs} == {"FINISHED"}
    told = {entry["key"]: entry["value"] for entry in runs[0]["data"]["params"]}
    assert told == {name: str(value) for name, value in point_of(read_params(PARAMS_FILE)).items()}
    measured = {entry["key"]: entry["value"] for entry in runs[0]["data"]["metrics"]}
    assert measured["false_positive_rate"] == second["current"]["false_positive_rate"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_signal_to_all_its_processes_ends_a_search_with_what_it_has(
    log: Path, tmp_path: Path, number: signal.Signals
) -> None:
    """As Ctrl-C does it, and with a Prefect server of the command's own."""
    command = [sys.executable, "-m", "flows.tune", "--events", str(log), *SEARCH, "--minutes", "60"]
    environment = own_environment(tmp_path / "own", **PATIENT)
    errors = tmp_path / "stderr"
    with (
        errors.open("w") as stderr,
        subprocess.Popen(
            [*command, "--out", str(tmp_path / "params.toml")],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            start_new_session=True,
        ) as search,
    ):
        wait_until(lambda: "trial 1: " in errors.read_text() or search.poll() is not None, seconds=200)
        os.killpg(search.pid, number)
        told, _ = search.communicate(timeout=90)
    assert search.returncode == 0, errors.read_text()
    summary = json.loads(told)
    assert summary["ended"] == number.name
    assert summary["trials"] >= 2
