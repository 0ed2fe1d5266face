"""Live truth on a real MLflow server: the bundled log's decisions, some doubled, some lost, against its events."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

from infra.local.loop import EVENTS
from infra.local.scale import SCALED_RULE
from models.dataset import label
from models.registry import ModelRegistry
from smart_routing import protocol
from smart_routing.bundle import LABEL, read_bundle, write_bundle
from smart_routing.decision_log import DecisionLog, DecisionRecorder, VectorLogging
from smart_routing.inference import Model
from smart_routing.querylog.records import QueryRecord
from smart_routing.querylog.source import read_query_log
from smart_routing.router import Router
from smart_routing.settings import RegistrySettings
from tests.bundles import JoinModel
from tests.listeners import serving
from tests.registered import provenance
from tests.relay import Relay
from tests.shell import Shell, own_environment

pytestmark = pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType")  # MLflow's, on import

KEY = b"k" * 32
END = datetime(2026, 10, 9, 18, tzinfo=UTC)
WINDOW = timedelta(hours=6)


def serve(uri: str, folder: Path) -> Model:
    """Promote a version that no data made."""
    write_bundle(folder / "bundle", JoinModel().content() | {LABEL: json.dumps(SCALED_RULE.as_json()).encode()})
    registry = ModelRegistry.connect(RegistrySettings(uri=uri))
    with registry.tracking.run("train") as run_id:
        version = registry.register_bundle(folder / "bundle", provenance(run_id))
    registry.set_alias(protocol.ALIAS_PRODUCTION, version.number)
    return Model.load(read_bundle(folder / "bundle"), version=str(version.number))


def window_of_log() -> list[QueryRecord]:
    records = read_query_log(EVENTS, rejects=None)
    return sorted(
        (record for record in records if END - WINDOW <= record.create_time < END),
        key=lambda record: (record.create_time, record.query_id),
    )


def write_decisions(model: Model, records: Sequence[QueryRecord], folder: Path, *, with_ids: bool) -> None:
    """What a router would log that decided each statement as it was submitted."""
    router, log = Router(model=model), DecisionLog(folder, writer="1")
    recorder = DecisionRecorder(user_key=KEY, vectors=VectorLogging.SAMPLE, share=0.3)
    for place, record in enumerate(records):
        request = record.request()
        decision_id = None if with_ids else f"d-{place}"
        log.append(recorder.row(request, router.decide(request), now=request.submitted_at, decision_id=decision_id))
    log.flush()


@pytest.fixture
def shell(prefect_server: str, mlflow_tracking_uri: str, tmp_path: Path) -> Callable[..., Shell]:
    """A shell with the routers' key, and further settings."""
    (tmp_path / "user.key").write_bytes(KEY)
    environment = own_environment(
        tmp_path,
        PREFECT_HOME=str(tmp_path / "prefect"),
        PREFECT_API_URL=prefect_server,
        SMART_ROUTING_REGISTRY_URI=mlflow_tracking_uri,
        SMART_ROUTING_SERVING_USER_KEY_FILE=str(tmp_path / "user.key"),
        SMART_ROUTING_MONITORING_REPORTS=str(tmp_path / "reports"),
    )
    return lambda **changes: Shell(environment | changes)


def report(shell: Shell, decisions: Path, *options: str) -> dict[str, Any]:
    return shell.flow("report_truth", "--as-of", END.isoformat(), "--decisions", str(decisions), *options)


def total(summary: dict[str, Any]) -> dict[str, Any]:
    (found,) = (part for part in summary["rates"] if (part["decided"], part["way"]) == ("routed", "all"))
    return dict(found)


def test_figures_are_those_of_the_events_and_told_everywhere(
    mlflow_tracking_uri: str, shell: Callable[..., Shell], tmp_path: Path
) -> None:
    records, folder = window_of_log(), tmp_path / "decisions"
    model = serve(mlflow_tracking_uri, tmp_path)
    write_decisions(model, records, folder, with_ids=True)
    write_decisions(model, records[:50], folder, with_ids=True)  # a gateway that asked again
    foreign = [replace(record, query_id=f"lost-{record.query_id}") for record in records[:25]]
    write_decisions(model, foreign, folder, with_ids=True)
    summary = report(shell(), folder, "--events", str(EVENTS))
    found = total(summary)
    assert (found["decisions"], found["joined"]) == (len(records) + 25, len(records))
    ids = {record.query_id for record in records}
    reads = label(read_query_log(EVENTS, rejects=None), SCALED_RULE).reads
    expected = [read.heavy for read in reads if ids & {read.request.query_id, *read.retries}]
    assert (found["heavy"], found["light"]) == (sum(expected), len(expected) - sum(expected))
    assert found["missed"] > 0 < found["alarmed"]
    assert summary["skew"]["vectors"] > 50
    assert summary["skew"]["differing"] == 0
    gauges = {(one["name"], one["labels"].get("tenant")): one["value"] for one in summary["gauges"]}
    assert gauges["smart_routing_label_coverage", "all"] == len(records) / (len(records) + 25)
    assert gauges["smart_routing_feature_skew", None] == 0.0
    written = json.loads((tmp_path / "reports" / "truth.json").read_text())
    assert datetime.fromisoformat(written.pop("written_at")).tzinfo
    assert written == {name: value for name, value in summary.items() if name not in {"file", "run_id"}}
    run = MlflowClient(mlflow_tracking_uri).get_run(summary["run_id"])
    assert run.data.metrics["routed_coverage"] == gauges["smart_routing_label_coverage", "all"]


def test_decisions_without_an_id_find_their_events_by_the_digest(
    mlflow_tracking_uri: str, shell: Callable[..., Shell], tmp_path: Path
) -> None:
    records, folder = window_of_log(), tmp_path / "decisions"
    write_decisions(serve(mlflow_tracking_uri, tmp_path), records, folder, with_ids=False)
    found = total(report(shell(), folder, "--events", str(EVENTS)))
    assert found["joined"] == found["decisions"] == len(records)
    unkeyed = shell(SMART_ROUTING_SERVING_USER_KEY_FILE=str(tmp_path / "nobody"))
    blind = report(unkeyed, folder, "--events", str(EVENTS))
    assert total(blind)["joined"] == 0
    assert any("digests need the routers' user key" in told for told in blind["unknown"])


def test_store_that_does_not_answer_and_no_decision_log_are_told(
    mlflow_tracking_uri: str, shell: Callable[..., Shell], tmp_path: Path
) -> None:
    folder = tmp_path / "decisions"
    write_decisions(serve(mlflow_tracking_uri, tmp_path), window_of_log(), folder, with_ids=True)
    down = report(shell(SMART_ROUTING_QUERY_LOG_STORE="postgresql://nobody@127.0.0.1:9/log"), folder)
    assert total(down)["joined"] == 0
    assert "the query log cannot be read" in down["unknown"][0]
    assert next(one for one in down["signals"] if one["name"] == "label_coverage")["is_large"]
    silent = report(shell(), tmp_path / "nothing", "--events", str(EVENTS))
    assert silent["rates"] == []
    assert silent["gauges"] == []
    assert "there is no decision log" in silent["unknown"][0]


def test_figures_that_mlflow_cannot_take_are_in_the_file_all_the_same(
    mlflow_tracking_uri: str, shell: Callable[..., Shell], tmp_path: Path
) -> None:
    folder = tmp_path / "decisions"
    write_decisions(serve(mlflow_tracking_uri, tmp_path), window_of_log(), folder, with_ids=True)
    with serving(Relay(mlflow_tracking_uri, last="/runs/create")) as relay:
        summary = report(shell(SMART_ROUTING_REGISTRY_URI=relay.url), folder, "--events", str(EVENTS))
        assert relay.is_down
    assert summary["run_id"] is None
    assert json.loads((tmp_path / "reports" / "truth.json").read_text())["rates"] == summary["rates"]
