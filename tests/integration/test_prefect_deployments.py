"""The deployments of prefect.yaml, the commands behind them and their lock, on a real Prefect server."""

import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from flows.deployment_lock import LIMIT, deployment_lock
from models.registry import ModelRegistry
from models.versions import ValidationStatus
from smart_routing.errors import LockHeldError
from smart_routing.settings import DeploymentSettings, RegistrySettings
from tests.registered import register
from tests.shell import Shell, own_environment

pytestmark = pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType")  # MLflow's, on import

SCHEDULES = {
    "build-history": {"cron": "10 * * * *"},
    "enforce-retention": {"cron": "40 3 * * *"},
    "evaluate-model": None,
    "ingest-query-log": {"cron": "5 * * * *"},
    "promote-model": None,
    "reconcile-aliases": {"interval": 30.0},
    "report-business": {"cron": "20 1 * * *"},
    "report-drift": {"cron": "0 1 * * *"},
    "report-truth": {"cron": "*/15 * * * *"},
    "retrain-on-drift": None,
    "rollback-model": None,
    "train-classifier": {"cron": "30 2 * * 1"},
    "watch-version": {"interval": 60.0},
}


@pytest.fixture
def shell(prefect_api: httpx.Client, mlflow_tracking_uri: str, tmp_path: Path) -> Shell:
    return Shell(
        own_environment(
            tmp_path,
            PREFECT_HOME=str(tmp_path / "prefect"),
            PREFECT_API_URL=str(prefect_api.base_url).rstrip("/"),
            SMART_ROUTING_REGISTRY_URI=mlflow_tracking_uri,
            SMART_ROUTING_DEPLOYMENT_LOCK_SECONDS="5",
        )
    )


@pytest.fixture
def registry(mlflow_tracking_uri: str) -> ModelRegistry:
    return ModelRegistry.connect(RegistrySettings(uri=mlflow_tracking_uri))


def test_a_server_accepts_every_deployment_and_a_worker_runs_one(shell: Shell, prefect_api: httpx.Client) -> None:
    shell.prefect("work-pool", "create", "smart-routing", "--type", "process", "--overwrite")
    shell.prefect("deploy", "--all")
    deployments = {found["name"]: found for found in prefect_api.post("/deployments/filter", json={}).json()}
    assert {name: schedule(found) for name, found in deployments.items()} == SCHEDULES
    training = deployments["train-classifier"]
    assert training["global_concurrency_limit"]["limit"] == 1
    assert training["concurrency_options"]["collision_strategy"] == "CANCEL_NEW"

    reconcile = deployments["reconcile-aliases"]["id"]
    prefect_api.post(f"/deployments/{reconcile}/create_flow_run", json={}).raise_for_status()
    shell.prefect("worker", "start", "--pool", "smart-routing", "--type", "process", "--run-once")
    runs = prefect_api.post("/flow_runs/filter", json={"deployments": {"id": {"any_": [reconcile]}}}).json()
    assert "COMPLETED" in {run["state"]["type"] for run in runs}  # a scheduled one that was due as well may come first


def schedule(deployment: dict[str, Any]) -> dict[str, Any] | None:
    """The first schedule, by the one field that says when."""
    found = [entry["schedule"] for entry in deployment["schedules"] if entry["active"]]
    return {key: value for key, value in found[0].items() if key in ("cron", "interval")} if found else None


def test_promote_reconcile_and_rollback_by_command(shell: Shell, registry: ModelRegistry, tmp_path: Path) -> None:
    first, second = register(registry, tmp_path / "a", 0.3), register(registry, tmp_path / "b", 0.5)
    assert shell.flow("promote_model", "--version", first)["serving"] == int(first)
    registry.set_alias("Production", int(second))
    assert shell.flow("reconcile_aliases")["by"] == "ui"
    summary = shell.flow("rollback_model", "--reason", "misses")
    assert (summary["serving"], summary["left"], summary["changed"]) == (int(first), int(second), True)
    assert registry.resolve(second).quarantined == "misses"


def test_refusals_are_one_line_and_change_nothing(shell: Shell, registry: ModelRegistry, tmp_path: Path) -> None:
    number = register(registry, tmp_path / "a", 0.3, ValidationStatus.FAILED)
    before = registry.read()
    for arguments, complaint in [
        (("promote_model", "--version", "99"), f"model version 99 does not exist: expected one of {number}"),
        (("promote_model", "--version", "one"), "argument --version: 'one' is not a whole number above 0; see --help"),
        (("promote_model", "--version", number), f"version {number} has validation_status failed: expected passed"),
    ]:
        done = shell.python("-m", f"flows.{arguments[0]}", *arguments[1:], "--json")
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith(f"python -m flows.{arguments[0]}: {complaint}")
        assert done.stderr.count("\n") == 1
    assert registry.read() == before


@pytest.mark.parametrize(
    ("variable", "value", "code", "complaint"),
    [
        pytest.param("PREFECT_API_URL", "http://127.0.0.1:9/api", 2, "PREFECT_API_URL is", id="no Prefect server"),
        pytest.param("SMART_ROUTING_REGISTRY_URI", "http://127.0.0.1:9", 1, "registry http://127.0", id="no registry"),
        pytest.param("SMART_ROUTING_REGISTRY_URL", "x", 2, "SMART_ROUTING_REGISTRY_URL is not", id="unknown setting"),
    ],
)
def test_a_wrong_setting_is_one_line(shell: Shell, variable: str, value: str, code: int, complaint: str) -> None:
    done = shell.python("-m", "flows.reconcile_aliases", **{variable: value})
    assert done.returncode == code
    assert done.stderr.startswith(f"python -m flows.reconcile_aliases: {complaint}")
    assert done.stderr.count("\n") == 1


def test_a_held_prefect_lock_is_waited_for_and_then_told(prefect_api: httpx.Client, tmp_path: Path) -> None:
    settings = DeploymentSettings(lock_file=tmp_path / "lock", lock_seconds=1)
    with temporary_settings({PREFECT_API_URL: str(prefect_api.base_url).rstrip("/")}):
        with deployment_lock(settings):
            assert_held(settings, f"Prefect concurrency limit '{LIMIT}'")
        with deployment_lock(settings):
            assert not settings.lock_file.exists()


def test_without_a_prefect_api_the_lock_is_a_file(tmp_path: Path) -> None:
    settings = DeploymentSettings(lock_file=tmp_path / "var" / "lock", lock_seconds=0.3)
    with deployment_lock(settings):
        assert_held(settings, str(settings.lock_file))
    with deployment_lock(settings):
        assert settings.lock_file.exists()


def assert_held(settings: DeploymentSettings, lock: str) -> None:
    started = time.monotonic()
    with pytest.raises(LockHeldError) as caught, deployment_lock(settings):
        pytest.fail("the lock was given twice")
    assert str(caught.value).startswith(f"deployment lock ({lock}) is still held after {settings.lock_seconds:g} s")
    assert time.monotonic() - started < settings.lock_seconds + 10
