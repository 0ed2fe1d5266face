"""A model with flipped labels, forced into production by hand, is gone within a minute, and people are told."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from infra.local.loop import EVENTS
from infra.local.scale import SCALED_RULE
from models.registry import ModelRegistry
from models.versions import ValidationStatus
from smart_routing import protocol
from smart_routing.bundle import LABEL, write_bundle
from smart_routing.decision_log import DecisionLog, LoggedDecision
from smart_routing.labels import QueryWeight
from smart_routing.querylog.parquet import ParquetStore
from smart_routing.querylog.parts import open_parts
from smart_routing.querylog.records import QueryRecord
from smart_routing.querylog.source import read_query_log
from smart_routing.routing import Reason
from smart_routing.settings import RegistrySettings
from tests.bundles import JoinModel
from tests.listeners import serving
from tests.receivers import Chat
from tests.registered import provenance
from tests.relay import Relay
from tests.shell import Shell, own_environment

pytestmark = pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType")  # MLflow's, on import

FIRST = datetime(2026, 10, 9, 8, tzinfo=UTC)
LAST = datetime(2026, 10, 9, 12, tzinfo=UTC)


@pytest.fixture
def chat() -> Iterator[Chat]:
    with serving(Chat()) as server:
        yield server


@pytest.fixture
def shell(prefect_server: str, mlflow_tracking_uri: str, chat: Chat, tmp_path: Path) -> Shell:
    (tmp_path / "chat-url").write_text(chat.url)
    return Shell(
        own_environment(
            tmp_path,
            PREFECT_HOME=str(tmp_path / "prefect"),
            PREFECT_API_URL=prefect_server,
            SMART_ROUTING_REGISTRY_URI=mlflow_tracking_uri,
            SMART_ROUTING_ALERTS_SLACK_WEBHOOK_FILE=str(tmp_path / "chat-url"),
        )
    )


@pytest.fixture
def registry(mlflow_tracking_uri: str) -> ModelRegistry:
    return ModelRegistry.connect(RegistrySettings(uri=mlflow_tracking_uri))


def register(registry: ModelRegistry, folder: Path, threshold: float, status: ValidationStatus) -> int:
    content = JoinModel(threshold=threshold).content() | {LABEL: json.dumps(SCALED_RULE.as_json()).encode()}
    write_bundle(folder, content)
    with registry.tracking.run("train") as run_id:
        return registry.register_bundle(folder, provenance(run_id, status)).number


def happen(folder: Path, version: int, *, flipped: bool, now: datetime, hours: int = 0) -> None:
    """Four hours of the real log as if they ran now: every decision of the version is right, or every one is wrong.

    The routers' clocks are so many hours before those of the clusters and of the registry.
    """
    records = [
        retimed(found, now) for found in read_query_log(EVENTS, rejects=None) if FIRST <= found.create_time < LAST
    ]
    ParquetStore(open_parts(str(folder / "query-log"), None)).append(records)
    log = DecisionLog(folder / "decision-log", writer=f"w{version}")
    for record in records:
        log.append(decision(record, version, flipped=flipped, off=timedelta(hours=hours)))
    log.flush()


def retimed(record: QueryRecord, now: datetime) -> QueryRecord:
    """In the next seconds, with the time that it took."""
    created = now + (record.create_time - FIRST) / 1000
    took = record.end_time - record.create_time
    return replace(record, query_id=f"{record.query_id}_{now:%f}", create_time=created, end_time=created + took)


def decision(record: QueryRecord, version: int, *, flipped: bool, off: timedelta) -> LoggedDecision:
    heavy = (record.weight(SCALED_RULE) == QueryWeight.HEAVY) != flipped
    return LoggedDecision(
        time=record.create_time + off,
        submitted_at=record.create_time + off,
        query_id=record.query_id,
        user="u",
        source=record.source,
        template=record.sql,
        decision=QueryWeight.HEAVY if heavy else QueryWeight.LIGHT,
        reason=Reason.MODEL,
        probability=None,
        threshold=None,
        model_version=f"v{version}-abcdef",
        history_snapshot=None,
        policy_revision="1",
    )


def test_a_forced_model_with_flipped_labels_is_rolled_back_and_told(
    shell: Shell, registry: ModelRegistry, chat: Chat, tmp_path: Path
) -> None:
    good = register(registry, tmp_path / "good", 0.5, ValidationStatus.PASSED)
    bad = register(registry, tmp_path / "bad", 0.9, ValidationStatus.FAILED)
    shell.flow("promote_model", "--version", str(good))
    happen(tmp_path, good, flipped=False, now=datetime.now(UTC))
    assert shell.flow("watch_version")["signals"] == []

    refused = shell.python("-m", "flows.promote_model", "--version", str(bad))
    assert refused.returncode == 2
    shell.flow("promote_model", "--version", str(bad), "--force", "--reason", "it looks good to me")
    began = datetime.now(UTC)
    happen(tmp_path, bad, flipped=True, now=began)
    seen = shell.flow("watch_version")
    assert datetime.now(UTC) - began < timedelta(seconds=60)

    model = registry.read()
    message = json.loads(chat.messages.get(timeout=5))
    undone = f"It was rolled back: version {good} serves in place of version {bad}, which is quarantined."
    assert seen["signals"] == ["heavy_misses"]
    assert seen["undone"] == undone
    assert (model.aliased(protocol.ALIAS_PRODUCTION), model.recorded) == (good, good)
    assert "were sent to the small cluster" in str(model.version(bad).quarantined)
    assert model.version(good).tags[protocol.TAG_PROMOTED_BY] == "watch-version"
    assert message["text"] == f"The model in production fails: version {bad}"
    assert f"*{undone}*" in [block["text"]["text"] for block in message["blocks"] if block["type"] == "section"]

    assert shell.flow("watch_version")["signals"] == []
    assert chat.messages.empty()


REACT = """
import sys
from datetime import UTC, datetime, timedelta
from prefect import flow
from flows.reaction import react
from models.registry import ModelRegistry
from monitoring.signals import Signal, Tier
from monitoring.window import Window
from smart_routing.settings import RegistrySettings

@flow
def night(verdict: str, number: int) -> None:
    window = Window.before(datetime(2026, 10, 11, tzinfo=UTC), timedelta(hours=24))
    version = ModelRegistry.connect(RegistrySettings.load()).resolve(number)
    signals = [Signal(name="heavy_misses", tier=Tier.TRUTH, window=window, p_value=0.001, sentence="misses")]
    told = {"reason": "It misses.", "signals": signals, "tenants": [], "model_version": f"v{number}-ab"}
    react(verdict, version=version, window=window, run_id=version.run_id, page="drift/drift.html", **told)

night(sys.argv[1], int(sys.argv[2]))
"""


def test_a_verdict_of_the_night_repeated_rolls_back_and_tells_once(
    shell: Shell, registry: ModelRegistry, chat: Chat, tmp_path: Path
) -> None:
    good = register(registry, tmp_path / "good", 0.5, ValidationStatus.PASSED)
    bad = register(registry, tmp_path / "bad", 0.9, ValidationStatus.PASSED)
    for number in (good, bad):
        shell.flow("promote_model", "--version", str(number))
    for verdict in ("none", "rollback", "rollback"):
        done = shell.python("-c", REACT, verdict, str(bad))
        assert done.returncode == 0, done.stderr
    message = json.dumps(json.loads(chat.messages.get(timeout=5)))
    assert chat.messages.empty()
    assert f"version {good} serves in place of version {bad}, which is quarantined" in message
    assert all(f"|{title}>" in message for title in ("Report", "MLflow run", f"Version {bad}"))
    assert registry.read().recorded == good
    assert registry.read().version(good).quarantined is None


def test_a_store_that_is_down_and_a_log_that_is_broken_are_told(
    shell: Shell, registry: ModelRegistry, tmp_path: Path
) -> None:
    only = register(registry, tmp_path / "only", 0.5, ValidationStatus.PASSED)
    shell.flow("promote_model", "--version", str(only))
    (tmp_path / "decision-log").mkdir()
    (tmp_path / "decision-log" / "decisions-2026-10-09.w1.jsonl").write_text("{}\n")
    down = replace(
        shell, environment=shell.environment | {"SMART_ROUTING_QUERY_LOG_STORE": "postgresql://127.0.0.1:9/x"}
    )
    told = down.flow("watch_version")["told"]
    assert told.startswith(f"Nothing speaks against version {only}, of what is known: the decision log cannot be read")
    assert "the query log cannot be read" in told


def test_a_rollback_that_mlflow_cannot_take_is_told_and_told_once_more_when_it_is_done(
    shell: Shell, registry: ModelRegistry, chat: Chat, mlflow_tracking_uri: str, tmp_path: Path
) -> None:
    good = register(registry, tmp_path / "good", 0.5, ValidationStatus.PASSED)
    bad = register(registry, tmp_path / "bad", 0.9, ValidationStatus.PASSED)
    for number in (good, bad):
        shell.flow("promote_model", "--version", str(number))
    happen(tmp_path, bad, flipped=True, now=datetime.now(UTC))
    with serving(Relay(mlflow_tracking_uri, last="/model-versions/set-tag")) as relay:
        down = replace(shell, environment=shell.environment | {"SMART_ROUTING_REGISTRY_URI": relay.url})
        waits = down.flow("watch_version")
        assert relay.is_down
    assert waits["undone"].startswith("It was NOT rolled back and still serves, it will be tried again: registry ")
    assert registry.read().recorded == bad

    done = shell.flow("watch_version")
    assert done["undone"].startswith(f"It was rolled back: version {good} serves in place of version {bad}")
    messages = [chat.messages.get(timeout=5) for _ in range(2)]
    assert ["NOT rolled back" in message for message in messages] == [True, False]
    assert shell.flow("watch_version")["signals"] == []
    assert chat.messages.empty()


@pytest.mark.parametrize("hours", [-1, 0, 1], ids="routers' clocks {:+} h".format)
def test_where_nothing_is_left_to_go_back_to_people_are_told_once(
    shell: Shell, registry: ModelRegistry, chat: Chat, tmp_path: Path, hours: int
) -> None:
    only = register(registry, tmp_path / "only", 0.5, ValidationStatus.PASSED)
    shell.flow("promote_model", "--version", str(only))
    happen(tmp_path, only, flipped=True, now=datetime.now(UTC), hours=hours)
    for _ in range(2):
        undone = shell.flow("watch_version")["undone"]
        assert undone.startswith("It was NOT rolled back and still serves: nothing to roll back to")
        assert undone.endswith("send everything to large by `python -m flows.set_policy --all-large`.")
    assert chat.messages.qsize() == 1
    assert registry.read().recorded == only
