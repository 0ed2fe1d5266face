"""A model made of flipped labels: the gate stops it, and forced into production it is gone within a minute."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from infra.local.loop import EVENTS, StepError, in_order_of_time, route, step
from infra.local.replay.fleet import Fleet, fleet
from infra.local.scale import SCALED_RULE, SCALED_RULE_ARGUMENTS
from models.registry import ModelRegistry
from smart_routing.bundle import LABEL, write_bundle
from smart_routing.labels import QueryWeight
from smart_routing.querylog.records import FINISHED, QueryRecord
from smart_routing.settings import RegistrySettings
from tests.bundles import JoinModel
from tests.listeners import serving
from tests.receivers import Chat
from tests.registered import provenance
from tests.waiting import wait_until

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType"),  # MLflow's, on import
    pytest.mark.timeout(600),
]


@pytest.fixture
def chat() -> Iterator[Chat]:
    with serving(Chat()) as server:
        yield server


@pytest.fixture
def running(chat: Chat, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Fleet]:
    (tmp_path / "chat-url").write_text(chat.url)
    (tmp_path / "fleet").mkdir()
    with fleet(tmp_path / "fleet", SCALED_RULE_ARGUMENTS) as made:
        made.environment["SMART_ROUTING_ALERTS_SLACK_WEBHOOK_FILE"] = str(tmp_path / "chat-url")
        yield made


def flipped(record: QueryRecord) -> QueryRecord:
    """As if what was heavy had cost next to nothing, and what was light a lot."""
    if record.weight(SCALED_RULE) is QueryWeight.HEAVY:
        return replace(record, cpu_seconds=0.05, peak_memory_bytes=100_000, state=FINISHED, error_code=None)
    return replace(record, cpu_seconds=5.0)


def test_flipped_labels_are_stopped_by_the_gate_and_undone_where_they_are_forced(
    running: Fleet, chat: Chat, tmp_path: Path
) -> None:
    registry = ModelRegistry.connect(RegistrySettings(uri=running.environment["SMART_ROUTING_REGISTRY_URI"]))
    write_bundle(tmp_path / "good", JoinModel().content() | {LABEL: json.dumps(SCALED_RULE.as_json()).encode()})
    with registry.tracking.run("train") as run_id:
        good = registry.register_bundle(tmp_path / "good", provenance(run_id)).number
    running.promote(good, reason="the first")
    records = in_order_of_time(str(EVENTS))
    running.ingest(map(flipped, records))

    made = step("training", "flows.train_classifier", SCALED_RULE_ARGUMENTS, running.environment)
    assert not made["passed"]
    assert any(reason.startswith("certificate: no certificate") for reason in made["reasons"])
    assert any(reason.startswith("light share on the holdout") for reason in made["reasons"])
    with pytest.raises(StepError, match="promote ended with code 2"):
        running.promote(made["version"], reason="the gate is wrong")

    day = [record for record in records if record.create_time.day == 9]
    ask(running, day)
    running.promote(made["version"], reason="the gate is wrong", force=True)
    wait_until(lambda: ask(running, day).startswith(f"v{good}-"), seconds=60)
    ask(running, day)
    seen = step("watch", "flows.watch_version", (), running.environment)
    assert seen["signals"] == ["swap_undone"]
    assert f"version {good} serves in place of version {made['version']}, which is quarantined" in seen["undone"]
    assert registry.read().recorded == good
    message = json.dumps(json.loads(chat.messages.get(timeout=5)))
    assert f"The model in production fails: version {made['version']}" in message
    assert f"the routers undid the swap to version {made['version']} by themselves" in message


def ask(running: Fleet, day: list[QueryRecord]) -> str:
    """The version that answered the last statement of a day that is sent now."""
    assert running.router is not None
    now = datetime.now(UTC)
    again = [replace(record, query_id=f"{record.query_id}_{now:%H%M%S%f}", create_time=now) for record in day]
    return route(running.router, again)[-1].version
