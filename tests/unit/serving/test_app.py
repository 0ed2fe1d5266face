import ast
import json
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import pytest

from infra.local.processes import free_port
from serving.app import assemble, open_history, s3_client
from serving.process.listener import bind
from serving.reload.reloader import LAST_KNOWN_GOOD
from smart_routing.callers import is_loopback
from smart_routing.errors import SettingsError
from smart_routing.history.snapshot import Snapshot
from smart_routing.history.timeline import Run, Timeline
from smart_routing.labels import LabelRule
from smart_routing.settings import HistorySettings, ServingSettings
from smart_routing.sources.opening import open_source
from tests.bundles import JoinModel
from tests.served import Served
from tests.unit.history.runs import NOW, ran

Serve = Callable[..., Served]
MakeSettings = Callable[..., ServingSettings]
REPOSITORY = Path(__file__).parents[3]
NEVER_IN_A_WORKER = {"models", "monitoring", "flows", "mlflow", "prefect", "evidently", "pandas", "xgboost", "scipy"}
ONLY_WHERE_ASKED_FOR = {"boto3", "botocore", "redis"}


def test_worker_starts_from_the_last_known_good_version(serve: Serve, source: Path) -> None:
    version = serve().route("select 1").json()["modelVersion"]
    source.unlink()
    served = serve()
    assert served.data("GET", "/readyz").status_code == 200
    assert served.route("select 1").json()["modelVersion"] == version
    assert served.admin("GET", "/v1/model").json()["source"] == LAST_KNOWN_GOOD


def test_alias_move_is_seen_by_polling(serve: Serve, point_to: Callable[[str, JoinModel], Path]) -> None:
    served = serve(poll_seconds=0.01)
    point_to("v1.1.0", JoinModel(per_join=0.5))
    ends = time.monotonic() + 5
    seen = [versions(served)]
    while seen[-1] != "v1.1.0" and time.monotonic() < ends:
        time.sleep(0.001)  # this client shares the interpreter with the router: without a pause no other thread gets it
        seen.append(versions(served))
    assert seen[-1] == "v1.1.0"
    assert seen == sorted(seen)


def versions(served: Served) -> str:
    version: str = served.route("select 1").json()["modelVersion"]
    return version.partition("-")[0]


def test_policy_file_is_followed(serve: Serve, tmp_path: Path) -> None:
    path = tmp_path / "policy.json"
    path.write_text(json.dumps({"revision": 1, "overrides": [{"match": {"user": "ana"}, "decision": "heavy"}]}))
    served = serve(policy_file=str(path))
    assert served.route("select 1").json()["reason"] == "override"
    watch = served.components.policy_watch
    assert watch is not None
    path.write_text("{")
    watch.step()
    assert served.route("select 1").json()["reason"] == "override"
    assert served.metric("smart_routing_policy_reloads_total", outcome="rejected") == 1
    path.write_text(json.dumps({"revision": 2}))
    watch.step()
    assert served.route("select 1").json()["reason"] == "model"


@pytest.mark.parametrize("content", [None, "{,}"], ids=["missing", "broken"])
def test_unusable_policy_stops_the_start(settings: MakeSettings, tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "policy.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(SettingsError, match=r"policy\.json"):
        Served(settings(policy_file=str(path)))


def test_groups_that_are_one_are_refused(settings: MakeSettings) -> None:
    with pytest.raises(SettingsError, match="expected two groups"):
        Served(settings(small_group="all", large_group="all"))


def test_state_folder_that_is_a_file_is_refused_by_name(settings: MakeSettings, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match="STATE_DIR"):
        Served(settings(state_dir=tmp_path / "file"))


def test_decision_log_is_whole_after_the_end(serve: Serve, settings: MakeSettings) -> None:
    with Served(settings()) as served:
        for _ in range(50):
            served.route("select 1")
    (path,) = (settings().decision_log or Path()).iterdir()
    assert len(path.read_text().splitlines()) == 50
    assert served.metric("smart_routing_decision_log_rows_total", outcome="written") == 50


@pytest.mark.parametrize("host", ["0.0.0.0", "10.0.0.7", "router.example"])  # noqa: S104  # refused, that is the point
def test_admin_port_for_all_needs_a_token(settings: MakeSettings, host: str) -> None:
    with pytest.raises(SettingsError, match="has no token"):
        assemble(settings(admin_host=host, admin_port=8081))


def test_empty_token_file_is_refused(settings: MakeSettings, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("\n")
    with pytest.raises(SettingsError, match="is empty: expected a token"):
        assemble(settings(admin_token_file=tmp_path / "token"))


def test_registry_without_http_is_refused() -> None:
    with pytest.raises(SettingsError, match="reads the registry over http"):
        open_source("models:/query-weight-classifier@production", s3_client)


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.0.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False)],  # noqa: S104
)
def test_loopback_is_told_from_the_rest(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected


def test_second_worker_takes_the_next_admin_port() -> None:
    with bind("127.0.0.1", free_port()) as first:
        port = first.getsockname()[1]
        with bind("127.0.0.1", port) as second:
            assert second.getsockname()[1] > port


def test_admin_port_listens_beside_the_data_port(settings: MakeSettings) -> None:
    port = free_port()
    with Served(settings(admin_port=port)) as served:
        reply = served.outside(lambda: httpx.get(f"http://127.0.0.1:{port}/v1/model"))
        assert reply.json()["version"].startswith("v1.0.0-")


def test_worker_imports_nothing_of_the_loop() -> None:
    program = "import serving.start, sys; print(sorted({name.partition('.')[0] for name in sys.modules}))"
    found = subprocess.run([sys.executable, "-c", program], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert set(ast.literal_eval(found.stdout)).isdisjoint(NEVER_IN_A_WORKER | ONLY_WHERE_ASKED_FOR)


@pytest.mark.parametrize("runs", [[ran()], []], ids=["a run", "nothing"])
def test_snapshot_counts_from_the_first_decision_and_is_named_everywhere(
    runs: list[Run], serve: Serve, settings: MakeSettings
) -> None:
    folder = settings().state_dir
    folder.mkdir()
    content = Snapshot.of(Timeline(runs), NOW, rule=LabelRule(), ttl=timedelta(hours=48))
    (folder / "history.npz").write_bytes(content)
    name, served = Snapshot.from_bytes(content).snapshot, serve()
    replies = [
        served.route("select 1", submittedAt=moment.isoformat()).json()["historySnapshot"]
        for moment in (NOW, NOW + timedelta(hours=48), NOW + timedelta(hours=49))
    ]
    assert replies == [name, name, None]
    assert [row.history_snapshot for row in served.decisions()] == replies
    model = served.admin("GET", "/v1/model").json()
    assert (model["historySnapshot"], datetime.fromisoformat(model["historyAsOf"])) == (name, NOW)
    assert served.metric("smart_routing_history_info", snapshot=name) == 1


@pytest.mark.parametrize("address", ["s3://bucket-alone", "gs://bucket/key"])
def test_address_of_no_snapshot_is_refused_by_the_name_of_its_setting(address: str) -> None:
    with pytest.raises(SettingsError, match=r"^SMART_ROUTING_HISTORY_SNAPSHOT cannot be used: .*expected"):
        open_history(HistorySettings(snapshot=address))
