"""A verdict's event, the automation of prefect.yaml and the training that it starts, on real servers."""

import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from flows.locks import Lock, hold
from flows.training_lock import LIMIT
from infra.local.loop import EVENTS
from infra.local.scale import SCALED_RULE
from models.registry import ModelRegistry
from models.trigger import Trigger, trained_since
from smart_routing import protocol
from smart_routing.bundle import LABEL, write_bundle
from smart_routing.settings import RegistrySettings
from tests.bundles import JoinModel
from tests.registered import provenance, register
from tests.shell import Shell, own_environment
from tests.waiting import wait_until

pytestmark = pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType")  # MLflow's, on import

ANNOUNCE = """
from datetime import UTC, datetime, timedelta
from prefect import flow
from flows.drift_event import announce_verdict
from monitoring.window import Window

@flow
def night(verdict: str, tenant: str) -> None:
    window = Window.before(datetime(2026, 10, 11, tzinfo=UTC), timedelta(hours=24))
    told = {"reason": "{{ 7 * 7 }} of <research>", "signals": ["heavy_share"], "model_version": "v1-ab12cd"}
    announce_verdict(verdict, tenants=[tenant, 'it"s'], window=window, **told)

import sys
night(*sys.argv[1:])
"""
TOLD = {"verdict": "retrain", "model_version": "v1-ab12cd", "tenants": ['it"s', "lake.research"]}


@pytest.fixture
def shell(prefect_api: httpx.Client, mlflow_tracking_uri: str, tmp_path: Path) -> Shell:
    return Shell(
        own_environment(
            tmp_path,
            PREFECT_HOME=str(tmp_path / "prefect"),
            PREFECT_API_URL=str(prefect_api.base_url).rstrip("/"),
            SMART_ROUTING_REGISTRY_URI=mlflow_tracking_uri,
        )
    )


def runs(client: httpx.Client, flow: str) -> list[dict[str, Any]]:
    wanted = {"flows": {"name": {"any_": [flow]}}}
    found: list[dict[str, Any]] = client.post("/flow_runs/filter", json=wanted).raise_for_status().json()
    return found


def test_an_event_starts_one_training_and_says_why(shell: Shell, prefect_api: httpx.Client) -> None:
    shell.prefect("work-pool", "create", "smart-routing", "--type", "process", "--overwrite")
    shell.prefect("deploy", "--name", "retrain-on-drift")
    for verdict, tenant in [("alert", "lake.ads"), ("retrain", "lake.research"), ("retrain", "lake.research")]:
        done = shell.python("-c", ANNOUNCE, verdict, tenant)
        assert done.returncode == 0, done.stderr
    wait_until(lambda: bool(runs(prefect_api, "retrain-on-drift")), seconds=30)
    time.sleep(3)  # a second one would have come by now
    (run,) = runs(prefect_api, "retrain-on-drift")
    assert run["parameters"] == TOLD | {
        "triggered_by": "smart-routing.drift.detected",
        "reason": "{{ 7 * 7 }} of <research>",
    }
    shell.prefect("deploy", "--name", "retrain-on-drift")
    assert len(prefect_api.post("/automations/filter", json={}).json()) == 1


def test_of_two_events_at_once_one_trains(shell: Shell, prefect_api: httpx.Client) -> None:
    """Of an empty store nothing can be made: what counts is how many try."""
    shell.prefect("work-pool", "create", "smart-routing", "--type", "process", "--overwrite")
    shell.prefect("deploy", "--name", "retrain-on-drift")
    for tenant in ("lake.finance", "lake.ads"):
        assert shell.python("-c", ANNOUNCE, "retrain", tenant).returncode == 0
    wait_until(lambda: len(runs(prefect_api, "retrain-on-drift")) == 2, seconds=30)
    shell.prefect("worker", "start", "--pool", "smart-routing", "--type", "process", "--run-once")
    states = sorted(run["state"]["type"] for run in runs(prefect_api, "retrain-on-drift"))
    assert states == ["CANCELLED", "FAILED"]
    assert len(runs(prefect_api, "train-classifier")) == 1


@pytest.fixture
def registry(mlflow_tracking_uri: str) -> ModelRegistry:
    return ModelRegistry.connect(RegistrySettings(uri=mlflow_tracking_uri))


def test_a_verdict_trains_by_the_rule_in_production_and_leaves_its_trail(
    shell: Shell, registry: ModelRegistry, prefect_api: httpx.Client, tmp_path: Path
) -> None:
    content = JoinModel().content() | {LABEL: json.dumps(SCALED_RULE.as_json()).encode()}
    write_bundle(tmp_path / "bundle", content)
    with registry.tracking.run("train") as run_id:
        first = registry.register_bundle(tmp_path / "bundle", provenance(run_id)).number
    registry.set_alias(protocol.ALIAS_PRODUCTION, first)

    reason = ("--reason", "Tenant lake.research is new.")
    made = shell.flow("retrain_on_drift", *reason, "--events", str(EVENTS))
    version, client = registry.read().version(made["version"]), registry.tracking.client
    tags = client.get_run(version.run_id).data.tags
    assert (version.label_rule, made["promoted"]) == (SCALED_RULE, False)
    assert registry.read().aliased(protocol.ALIAS_PRODUCTION) == first
    for kept in (tags, version.tags):
        assert (kept["trigger_reason"], kept["verdict"]) == ("Tenant lake.research is new.", "retrain")
    pages = prefect_api.post("/artifacts/filter", json={}).raise_for_status().json()
    assert "Tenant lake.research is new." in next(page["data"] for page in pages if page["key"] == "retraining")

    again = shell.flow("retrain_on_drift", *reason, "--events", str(EVENTS))
    assert again["version"] is None
    assert again["told"] == f"No training: run {version.run_id} answered the same verdict within 20 hours."


PROMOTE = """
import sys
from prefect import flow
from flows.retrain_on_drift import may_serve
from flows.train_classifier import TrainingSummary
from models.trigger import Trigger

@flow(persist_result=False)
def answered(version: int, passed: bool, blamed: str) -> bool:
    made = {"version": version, "passed": passed, "run_id": "r", "report": "", "evaluation": {}, "reasons": ()}
    trigger = Trigger(by="night", reason="Tenant research.", verdict="retrain", model_version=blamed)
    return may_serve(TrainingSummary(**made, manifest_sha256=""), trigger)

print(answered(int(sys.argv[1]), sys.argv[2] == "passed", sys.argv[3]))
"""


@pytest.mark.parametrize(
    ("allowed", "outcome", "blamed", "promoted"),
    [
        pytest.param("true", "passed", "v{first}-ab12cd", True, id="allowed"),
        pytest.param("false", "passed", "v{first}-ab12cd", False, id="a person's click"),
        pytest.param("true", "failed", "v{first}-ab12cd", False, id="did not pass"),
        pytest.param("true", "passed", "v9{first}-ab12cd", False, id="another version serves"),
    ],
)
def test_a_candidate_serves_at_once_only_where_a_setting_allows_it(
    shell: Shell,
    registry: ModelRegistry,
    tmp_path: Path,
    *,
    allowed: str,
    outcome: str,
    blamed: str,
    promoted: bool,
) -> None:
    first, second = (register(registry, tmp_path / name, threshold) for name, threshold in [("a", 0.3), ("b", 0.5)])
    registry.set_alias(protocol.ALIAS_PRODUCTION, int(first))
    environment = {"SMART_ROUTING_DEPLOYMENT_AUTO_PROMOTE": allowed}
    done = shell.python("-c", PROMOTE, second, outcome, blamed.format(first=first), **environment)
    assert done.stdout.splitlines()[-1:] == [str(promoted)], done.stderr
    model = registry.read()
    assert model.aliased(protocol.ALIAS_PRODUCTION) == int(second if promoted else first)
    assert (model.version(int(second)).promoted_by == "retrain-on-drift") is promoted


def test_while_a_model_is_made_nobody_makes_another(shell: Shell, prefect_api: httpx.Client, tmp_path: Path) -> None:
    lock = Lock(name=LIMIT, file=tmp_path / "lock", holder="training")
    with (
        temporary_settings({PREFECT_API_URL: str(prefect_api.base_url).rstrip("/")}),
        hold(lock, seconds=1),
    ):
        told = shell.flow("retrain_on_drift", "--reason", "r", "--verdict", "by hand", "--events", str(EVENTS))["told"]
    assert told == (
        f"No training: training lock (Prefect concurrency limit '{LIMIT}') is still held after 1 s: "
        "expected the training that runs to end."
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ("report_drift", "--act"),
        ("report_truth",),
        ("watch_version",),
        ("retrain_on_drift", "--reason", "r"),
    ],
    ids=" ".join,
)
def test_without_mlflow_every_flow_says_so_in_one_line(shell: Shell, arguments: tuple[str, ...]) -> None:
    name, *options = arguments
    done = shell.python("-m", f"flows.{name}", *options, SMART_ROUTING_REGISTRY_URI="http://127.0.0.1:9")
    told = [line for line in done.stderr.splitlines() if " | INFO " not in line]
    assert (done.returncode, done.stdout) == (1, "")
    assert told == [
        f"python -m flows.{name}: registry http://127.0.0.1:9 cannot be reached: expected an MLflow server there"
    ]


def test_without_the_store_no_training_begins_and_the_same_verdict_is_answered_once_it_is_back(
    shell: Shell, registry: ModelRegistry, tmp_path: Path
) -> None:
    first = register(registry, tmp_path / "a", 0.5)
    registry.set_alias(protocol.ALIAS_PRODUCTION, int(first))
    store, blamed = "postgresql://nobody@127.0.0.1:9/log", f"v{first}-without-store"
    order = ("--reason", "r", "--model-version", blamed)
    done = shell.python("-m", "flows.retrain_on_drift", *order, SMART_ROUTING_QUERY_LOG_STORE=store)
    assert done.returncode == 2
    assert "query log in PostgreSQL at 127.0.0.1/log: " in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    trigger = Trigger(by="night", reason="r", verdict="retrain", model_version=blamed)
    assert trained_since(registry.tracking, trigger, datetime.now(UTC) - timedelta(hours=1)) is None
    assert len(registry.read().versions) == 1
