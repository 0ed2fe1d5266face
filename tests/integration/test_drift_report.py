"""The drift report on real MLflow servers and the bundled log: quiet on a usual day, an alert when a tenant arrives.

The last tests take away what it needs: MLflow, the store, the chat and the mail server.
"""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from shutil import copytree

import pytest
from mlflow import MlflowClient

from infra.local.loop import EVENTS
from infra.local.processes import LOOPBACK
from infra.local.scale import SCALED_RULE
from models.dataset import label
from models.registry import ModelRegistry
from models.split import split_by_time
from models.versions import ModelVersion
from monitoring.gauges import Gauge, read_gauges
from monitoring.reference import REFERENCE_ARTIFACT, make_reference, write_reference
from smart_routing import protocol
from smart_routing.bundle import read_bundle
from smart_routing.inference import Model
from smart_routing.querylog.source import read_query_log
from smart_routing.settings import RegistrySettings
from tests.bundles import JoinModel
from tests.listeners import serving
from tests.receivers import Chat, Mailbox
from tests.registered import provenance
from tests.relay import Relay
from tests.shell import Shell, own_environment

pytestmark = pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType")  # MLflow's, on import

GAIN = {"join_keywords": 1.0}
REFERENCE_ENDS = datetime(2026, 10, 9, tzinfo=UTC)


def serve(uri: str, folder: Path, *, with_reference: bool = True) -> ModelVersion:
    """Register a version made from the log before the 9th, with the reference that training stores, and promote it."""
    JoinModel().publish(folder / "bundle")
    registry = ModelRegistry.connect(RegistrySettings(uri=uri))
    with registry.tracking.run("train") as run_id:
        if with_reference:
            make_and_write_reference(folder)
            registry.tracking.log_folder(run_id, folder / "reference", to="reference")
        version = registry.register_bundle(
            folder / "bundle",
            provenance(run_id),
        )
    registry.set_alias(protocol.ALIAS_PRODUCTION, version.number)
    return version


def make_and_write_reference(folder: Path) -> None:
    model = Model.load(read_bundle(folder / "bundle"), version="1")
    records = [record for record in read_query_log(EVENTS, rejects=None) if record.create_time < REFERENCE_ENDS]
    labelled = label(records, SCALED_RULE)
    split = split_by_time(labelled.reads)
    learnt, held_out = ([example.request for example in block] for block in (split.train, split.calibration))
    reference = make_reference(learnt, held_out, model=model, gain=GAIN, history=labelled.history)
    write_reference(reference, folder / REFERENCE_ARTIFACT)


@pytest.fixture
def shell(prefect_server: str, tmp_path: Path) -> Callable[[str], Shell]:
    """A shell whose registry is at the given address."""
    return lambda uri: Shell(
        own_environment(
            tmp_path,
            PREFECT_HOME=str(tmp_path / "prefect"),
            PREFECT_API_URL=prefect_server,
            SMART_ROUTING_REGISTRY_URI=uri,
        )
    )


def test_a_new_tenant_is_an_alert_kept_as_file_and_as_artifact(
    registry_server: str, shell: Callable[[str], Shell], tmp_path: Path
) -> None:
    version = serve(registry_server, tmp_path)
    report = shell(registry_server).flow("report_drift", "--events", str(EVENTS), "--as-of", "2026-10-12")
    client = MlflowClient(registry_server)
    run = client.get_run(report["run_id"])
    folder = Path(client.download_artifacts(report["run_id"], "drift", str(tmp_path)))
    summary = json.loads((folder / "drift.json").read_text())
    assert report["verdict"] == run.data.tags["verdict"] == summary["verdict"]["kind"] == "retrain"
    assert "lake.research" in report["reason"]
    assert report["tenants"] == ["lake.research"]
    assert run.data.tags["model_version"] == str(version.number)
    assert run.info.run_id != version.run_id
    assert (folder / "drift.html").read_bytes() == Path(report["html"]).read_bytes()
    assert f"<h1>Drift of {report['model_version']}: " in Path(report["html"]).read_text()
    exported = read_gauges(tmp_path / "reports", "drift")
    assert exported is not None
    assert Gauge("smart_routing_verdict", {"kind": "retrain"}, 1.0) in exported.gauges
    spoken = [gauge.labels for gauge in exported.gauges if gauge.name == "smart_routing_signal" and gauge.value]
    assert {labels["tenant"] for labels in spoken} == {"lake.research"}


def test_a_usual_day_of_the_store_is_quiet_and_a_silent_one_is_no_data(
    mlflow_tracking_uri: str, shell: Callable[[str], Shell], tmp_path: Path
) -> None:
    serve(mlflow_tracking_uri, tmp_path)
    here = shell(mlflow_tracking_uri)
    empty = here.flow("report_drift", "--as-of", "2026-10-10T00:00:00+00:00")
    here.flow("ingest_query_log", "--events", str(EVENTS))
    usual = here.flow("report_drift", "--as-of", "2026-10-10T00:00:00+00:00", "--out", str(tmp_path / "out"))
    assert (empty["verdict"], empty["html"], empty["current_rows"]) == ("no data", None, 0)
    assert (usual["verdict"], usual["html"]) == ("none", str(tmp_path / "out" / "drift.html"))
    assert usual["current_rows"] > 300


@pytest.mark.parametrize(
    ("option", "value", "told"),
    [("--as-of", "soon", "--as-of is 'soon'"), ("--window", "1 week", "--window is '1 week'")],
    ids=["as of", "window"],
)
def test_a_bad_option_is_one_line_and_exit_code_2(
    shell: Callable[[str], Shell], option: str, value: str, told: str
) -> None:
    done = shell("sqlite:///nothing.db").python("-m", "flows.report_drift", option, value)
    assert done.returncode == 2
    assert done.stdout == ""
    assert told in done.stderr
    assert done.stderr.count("\n") == 1


def test_without_production_it_says_so(mlflow_tracking_uri: str, shell: Callable[[str], Shell]) -> None:
    done = shell(mlflow_tracking_uri).python("-m", "flows.report_drift")
    assert done.returncode == 2
    assert "alias 'production' has no version" in done.stderr


def test_a_version_without_a_reference_is_named(
    mlflow_tracking_uri: str, shell: Callable[[str], Shell], tmp_path: Path
) -> None:
    version = serve(mlflow_tracking_uri, tmp_path, with_reference=False)
    done = shell(mlflow_tracking_uri).python("-m", "flows.report_drift", "--events", str(EVENTS))
    assert done.returncode == 1
    assert f"model version {version.number} has no {REFERENCE_ARTIFACT}" in done.stderr


NIGHT = ("--as-of", "2026-10-12", "--act")
"""When the new tenant is called for to be learnt."""


def telling(shell: Shell, chat: Chat, folder: Path, **variables: str) -> Shell:
    """The same, with people to be told."""
    (folder / "chat-url").write_text(chat.url)
    told = {"SMART_ROUTING_ALERTS_SLACK_WEBHOOK_FILE": str(folder / "chat-url")}
    patience = {"SMART_ROUTING_ALERTS_BACKOFF_SECONDS": "0.05"}
    return replace(shell, environment=shell.environment | told | patience | variables)


def test_channels_that_fail_end_no_run_and_each_is_told_once_when_it_is_back(
    mlflow_tracking_uri: str, shell: Callable[[str], Shell], tmp_path: Path
) -> None:
    serve(mlflow_tracking_uri, tmp_path)
    for name in ("once", "again"):
        copytree(EVENTS, tmp_path / "twice" / name)
    mail = {
        "SMART_ROUTING_ALERTS_SMTP_HOST": LOOPBACK,
        "SMART_ROUTING_ALERTS_SMTP_SECURITY": "none",
        "SMART_ROUTING_ALERTS_MAIL_TO": "oncall@example.com",
    }
    with serving(Chat([500] * 3)) as chat, serving(Mailbox()) as mailbox:
        here = telling(shell(mlflow_tracking_uri), chat, tmp_path, **mail)
        ports = ("9", str(mailbox.port), str(mailbox.port))
        nights = [
            here.python("-m", "flows.report_drift", *NIGHT, "--json", "--events", str(events), **port_of_mail(port))
            for port, events in zip(ports, (EVENTS, EVENTS, tmp_path / "twice"), strict=True)
        ]
    first, again, twice = (json.loads(night.stdout.splitlines()[-1]) for night in nights)
    assert first["verdict"] == "retrain"
    assert (first["reason"], first["current_rows"]) == (again["reason"], again["current_rows"])
    assert (first["reason"], first["current_rows"]) == (twice["reason"], twice["current_rows"])
    assert "alert in slack: failed (the webhook answers 500: expected 200; tried 3 times)" in nights[0].stderr
    assert "alert in mail: failed (the mail server cannot be reached: ConnectionRefusedError" in nights[0].stderr
    assert (chat.messages.qsize(), mailbox.messages.qsize()) == (3 + 1, 1)


def port_of_mail(port: str) -> dict[str, str]:
    return {"SMART_ROUTING_ALERTS_SMTP_PORT": port}


def test_where_mlflow_goes_down_meanwhile_people_are_told_all_the_same(
    mlflow_tracking_uri: str, shell: Callable[[str], Shell], tmp_path: Path
) -> None:
    serve(mlflow_tracking_uri, tmp_path)
    with serving(Relay(mlflow_tracking_uri, last="/runs/create")) as relay, serving(Chat()) as chat:
        here = telling(shell(relay.url), chat, tmp_path)
        report = here.flow("report_drift", *NIGHT, "--events", str(EVENTS))
        assert relay.is_down
    assert (report["verdict"], report["tenants"], report["run_id"]) == ("retrain", ["lake.research"], None)
    assert Path(report["html"]).exists()
    assert "lake.research" in json.loads(chat.messages.get(timeout=5))["text"]


def test_a_store_that_is_down_and_a_log_that_is_broken_are_an_alert_that_says_so(
    mlflow_tracking_uri: str, shell: Callable[[str], Shell], tmp_path: Path
) -> None:
    serve(mlflow_tracking_uri, tmp_path)
    (tmp_path / "decision-log" / "decisions-2026-10-11.w1.jsonl").mkdir(parents=True)
    with serving(Chat()) as chat:
        store = {"SMART_ROUTING_QUERY_LOG_STORE": f"postgresql://nobody@{LOOPBACK}:9/log"}
        here = telling(shell(mlflow_tracking_uri), chat, tmp_path, **store)
        report = here.flow("report_drift", *NIGHT)
    assert (report["verdict"], report["signals"], report["html"]) == ("alert", ["unread"], None)
    assert report["reason"].startswith("The query log cannot be read: ")
    assert "the decision log cannot be read: " in report["reason"]
    assert "The query log cannot be read" in chat.messages.get(timeout=5)
    assert chat.messages.empty()
