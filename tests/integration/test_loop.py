"""The main job on the bundled log: what was trained is what serves, row by row, on real servers."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import xgboost as xgb

from infra.local.loop import EVENTS, body
from infra.local.scale import SCALED_RULE, SCALED_RULE_ARGUMENTS
from infra.local.servers import router_server
from models.dataset import Labelled, label
from models.evaluate import refutes
from models.registry import ModelRegistry
from models.scoring import scored
from models.split import split_by_time
from models.tracking import Tracking
from models.vectors import matrix
from models.versions import ModelVersion
from smart_routing import protocol
from smart_routing.bundle import BOOSTER, Bundle, read_bundle
from smart_routing.decision_log import LoggedDecision, read_decisions
from smart_routing.features.statement import StatementKind
from smart_routing.history.measures import known_until
from smart_routing.inference import Model, scores
from smart_routing.labels import QueryWeight
from smart_routing.querylog.records import QueryRecord
from smart_routing.querylog.source import read_query_log
from smart_routing.settings import RegistrySettings
from tests.conftest import delete_registered_models
from tests.shell import Shell, own_environment

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType"),  # MLflow's, on import
    pytest.mark.timeout(600),
]

CONNECTIONS = 8
SNAPSHOT_AS_OF = datetime(2026, 10, 13, 13, tzinfo=UTC)
"""Of a busy hour of the holdout."""


@dataclass(frozen=True)
class Loop:
    """A trained, promoted version with its bundle on disk, and the shell that made it."""

    shell: Shell
    trained: dict[str, Any]
    version: ModelVersion
    folder: Path
    bundle: Bundle

    @property
    def model(self) -> Model:
        return Model.load(self.bundle, version=str(self.version.number))


@dataclass(frozen=True)
class Answered:
    """The replies of one router to the same bodies, and what it wrote into its decision log."""

    replies: dict[str, dict[str, Any]]
    again: dict[str, dict[str, Any]]
    logged: dict[str, LoggedDecision]


@pytest.fixture(scope="module")
def loop(mlflow_server: str, prefect_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loop]:
    scratch = tmp_path_factory.mktemp("loop")
    environment = own_environment(
        scratch,
        PREFECT_HOME=str(scratch / "prefect"),
        PREFECT_API_URL=prefect_server,
        SMART_ROUTING_REGISTRY_URI=mlflow_server,
    )
    shell = Shell(environment)
    shell.flow("ingest_query_log", "--events", str(EVENTS))
    trained = shell.flow("train_classifier", *SCALED_RULE_ARGUMENTS)
    shell.flow("promote_model", "--version", str(trained["version"]))
    registry = ModelRegistry.connect(RegistrySettings(uri=mlflow_server))
    version = registry.resolve("production")
    folder = registry.download_bundle(version, scratch / "downloaded")
    bundle = read_bundle(folder, manifest_sha256=version.manifest_sha256)
    yield Loop(shell=shell, trained=trained, version=version, folder=folder, bundle=bundle)
    delete_registered_models(mlflow_server)


@pytest.fixture(scope="module")
def records() -> list[QueryRecord]:
    return list(read_query_log(str(EVENTS), rejects=None))


@pytest.fixture(scope="module")
def labelled(records: list[QueryRecord]) -> Labelled:
    return label(records, SCALED_RULE)


def answer(loop: Loop, bodies: list[dict[str, Any]], folder: Path, *, cache_entries: int, workers: int) -> Answered:
    """Ask a fresh router about every body twice, the second time backwards."""
    folder.mkdir()
    settings = {
        "SMART_ROUTING_SERVING_STATE_DIR": str(folder / "state"),
        "SMART_ROUTING_SERVING_DECISION_LOG": str(folder / "decisions"),
        "SMART_ROUTING_SERVING_USER_KEY_FILE": str(folder / "user.key"),
        "SMART_ROUTING_SERVING_VECTORS": "all",
        "SMART_ROUTING_SERVING_DEADLINE_MS": "30000",  # what a busy machine decides late would not be the model's
        "SMART_ROUTING_SERVING_CACHE_ENTRIES": str(cache_entries),
    }
    with router_server(folder, loop.shell.environment | settings, workers=workers) as router:
        replies = ask(router, bodies)
        again = ask(router, bodies[::-1])
    files = list((folder / "decisions").iterdir())
    assert len(files) == workers
    logged = {row.query_id: row for row in read_decisions(folder / "decisions") if row.query_id}
    return Answered(replies, again, logged)


def ask(router: str, bodies: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Over several connections, so that every worker has some."""
    shares = [bodies[start::CONNECTIONS] for start in range(CONNECTIONS)]
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        answered = pool.map(lambda share: ask_in_order(router, share), shares)
    return {query_id: reply for share in answered for query_id, reply in share.items()}


def ask_in_order(router: str, bodies: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    with httpx.Client(base_url=router, timeout=30) as client:
        return {found["queryId"]: post(client, found) for found in bodies}


def post(client: httpx.Client, content: dict[str, Any]) -> dict[str, Any]:
    reply = client.post(protocol.ROUTE_PATH, json=content)
    assert reply.status_code == 200
    assert reply.headers[protocol.HEADER_MODEL_VERSION] == reply.json()["modelVersion"]
    found: dict[str, Any] = reply.json()
    return found


@pytest.fixture(scope="module")
def cached(loop: Loop, every_body: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> Answered:
    folder = tmp_path_factory.mktemp("cached") / "router"
    return answer(loop, every_body, folder, cache_entries=4096, workers=2)


@pytest.fixture(scope="module")
def uncached(loop: Loop, every_body: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> Answered:
    folder = tmp_path_factory.mktemp("uncached") / "router"
    return answer(loop, every_body, folder, cache_entries=0, workers=1)


@pytest.fixture(scope="module")
def every_body(labelled: Labelled, records: list[QueryRecord]) -> list[dict[str, Any]]:
    """Every labelled statement, writes too, as a body of the data port."""
    by_id = {record.query_id: record for record in records}
    return [body(by_id[example.request.query_id]) for example in labelled.examples]


def test_training_reports_its_data_frontier_and_figures(loop: Loop) -> None:
    routed, heuristic = loop.trained["evaluation"]["routed"], loop.trained["evaluation"]["heuristic"]
    assert loop.trained["passed"]
    assert loop.bundle.threshold.certificate is not None
    assert loop.bundle.threshold.certificate.bound == 0.05
    assert routed["false_negative_rate"]["value"] < heuristic["false_negative_rate"]["value"]
    assert routed["cost"] < heuristic["cost"]
    assert "1%  not supported" in loop.trained["report"]


def test_run_keeps_a_report_page_and_tells_how_reliable_probabilities_are(loop: Loop, mlflow_server: str) -> None:
    run_id = loop.trained["run_id"]
    page = httpx.get(
        f"{mlflow_server}/get-artifact", params={"run_id": run_id, "path": "evaluation/report.html"}, timeout=30
    )
    assert page.status_code == 200
    assert str(loop.bundle.threshold.certificate).replace("<", "&lt;") in page.text
    metrics = Tracking.connect(RegistrySettings(uri=mlflow_server)).client.get_run(run_id).data.metrics
    assert metrics["ece"] < metrics["raw_ece"]
    assert metrics["brier"] < metrics["raw_brier"]
    assert metrics["certified_bound"] == 0.05


def test_version_carries_its_provenance(loop: Loop, labelled: Labelled) -> None:
    tags = loop.version.tags
    assert tags[protocol.TAG_VALIDATION_STATUS] == "passed"
    assert tags[protocol.TAG_MANIFEST_SHA256] == loop.bundle.manifest_sha256 == loop.trained["manifest_sha256"]
    assert json.loads(tags[protocol.TAG_LABEL_RULE]) == SCALED_RULE.as_json()
    assert tags[protocol.TAG_GIT_COMMIT]


def test_same_log_seed_and_lock_give_the_same_bundle_which_beats_itself_by_nothing(loop: Loop) -> None:
    again = loop.shell.flow("train_classifier", "--events", str(EVENTS), *SCALED_RULE_ARGUMENTS, "--dry-run")
    cost = loop.trained["evaluation"]["routed"]["cost"]
    assert (again["version"], again["passed"]) == (None, False)
    assert again["manifest_sha256"] == loop.trained["manifest_sha256"]
    (reason,) = again["reasons"]
    assert f"{cost:.1f} CPU s, +0.0 [+0.0, +0.0] against the champion's {cost:.1f}; expected cheaper" in reason


def test_served_vectors_are_the_training_vectors(loop: Loop, labelled: Labelled, uncached: Answered) -> None:
    decided = [example for example in labelled.reads if uncached.logged[example.request.query_id].reason == "model"]
    expected = matrix(decided, loop.bundle.vocabulary)
    served = np.stack([vector(uncached, example.request.query_id) for example in decided])
    kinds = {example.statement.kind for example in labelled.reads if example not in decided}
    assert len(decided) > 3000
    assert kinds <= {StatementKind.METADATA}
    np.testing.assert_array_equal(served, expected)


def vector(answered: Answered, query_id: str) -> np.ndarray:
    found = answered.logged[query_id].vector
    assert found is not None
    return found


def test_xgboost_onnx_and_the_router_decide_alike(loop: Loop, labelled: Labelled, uncached: Answered) -> None:
    reads = [example for example in labelled.reads if uncached.logged[example.request.query_id].reason == "model"]
    features = matrix(reads, loop.bundle.vocabulary)
    booster = xgb.Booster(model_file=str(loop.folder / BOOSTER))
    native = booster.predict(xgb.DMatrix(features))
    converted = scores(loop.model.session, features)
    served = [uncached.replies[example.request.query_id] for example in reads]
    threshold = loop.bundle.threshold.without_history
    decisions = [reply["decision"] == "heavy" for reply in served]
    assert (native >= threshold).tolist() == (converted >= threshold).tolist() == decisions
    told = [loop.model.probability(score) for score in native.tolist()]
    np.testing.assert_allclose(told, [reply["heavyProbability"] for reply in served], atol=1e-4)


def test_told_probability_is_at_or_above_the_told_threshold_where_the_decision_is_heavy(uncached: Answered) -> None:
    told = [reply for reply in uncached.replies.values() if reply["reason"] == "model"]
    assert {reply["decision"] for reply in told} == {"light", "heavy"}
    for reply in told:
        assert (reply["heavyProbability"] >= reply["threshold"]) == (reply["decision"] == "heavy")


def test_two_workers_with_a_cache_and_one_without_reply_alike(cached: Answered, uncached: Answered) -> None:
    assert cached.replies == cached.again == uncached.replies == uncached.again


def test_served_holdout_keeps_the_certificate_without_a_history(
    loop: Loop, labelled: Labelled, uncached: Answered
) -> None:
    holdout = split_by_time(labelled.reads).holdout
    weights = [uncached.replies[example.request.query_id]["decision"] for example in holdout]
    rows = scored(holdout, [float(weight == QueryWeight.HEAVY) for weight in weights])
    at_half = replace(loop.bundle.threshold, value=0.5)
    assert not refutes(rows, at_half)
    assert 0.0 < np.mean(rows.score) < 1.0


def test_statements_of_an_hour_are_decided_with_the_past_that_training_knew_of_them(
    loop: Loop, labelled: Labelled, every_body: list[dict[str, Any]], tmp_path: Path
) -> None:
    known = labelled.history
    hour = [example for example in labelled.reads if known_until(example.request.submitted_at) == SNAPSHOT_AS_OF]
    published = loop.shell.flow("build_history", "--as-of", SNAPSHOT_AS_OF.isoformat())
    ids = {example.request.query_id for example in hour}
    bodies = [found for found in every_body if found["queryId"] in ids]
    answered = answer(loop, bodies, tmp_path / "router", cache_entries=0, workers=1)
    decided = [example for example in hour if answered.logged[example.request.query_id].reason == "model"]
    served = np.stack([vector(answered, example.request.query_id) for example in decided])
    np.testing.assert_array_equal(served, matrix(decided, loop.bundle.vocabulary, known))
    assert {reply["historySnapshot"] for reply in answered.replies.values()} == {published["snapshot"], None}
    assert len(decided) > 10


def test_writes_go_to_large_and_metadata_to_small(labelled: Labelled, uncached: Answered) -> None:
    expected = {
        StatementKind.WRITE: ("heavy", "large", "write_statement"),
        StatementKind.METADATA: ("light", "small", "metadata_statement"),
    }
    ruled = [example for example in labelled.examples if example.statement.kind in expected]
    replies = [uncached.replies[example.request.query_id] for example in ruled]
    found = [(reply["decision"], reply["targetCluster"], reply["reason"]) for reply in replies]
    assert found == [expected[example.statement.kind] for example in ruled]


def test_decision_log_holds_no_sql_and_no_user(
    uncached: Answered, records: list[QueryRecord], labelled: Labelled
) -> None:
    rows = "\n".join(repr(row) for row in uncached.logged.values())
    users = {record.user for record in records}
    assert not any(user in rows for user in users)
    assert "select" not in rows.lower()


def test_evaluation_of_the_registered_version_repeats_the_figures(loop: Loop) -> None:
    found = loop.shell.flow(
        "evaluate_model", "--version", str(loop.version.number), "--events", str(EVENTS), "--dry-run"
    )
    repeated = ("routed", "behaviour", "bundle_bytes", "passed", "reasons")
    assert [found["evaluation"][name] for name in repeated] == [loop.trained["evaluation"][name] for name in repeated]
    assert found["evaluation"]["cost_difference"] is None
