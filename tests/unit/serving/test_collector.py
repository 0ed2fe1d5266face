"""The collector's application, without a network."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from serving.collector import Components, create_app, query_log_store
from serving.events.spill import open_spill
from smart_routing.errors import SettingsError
from smart_routing.settings import CollectorSettings
from tests.collected import Collected
from tests.shell import Shell, own_environment
from tests.unit.querylog.samples import MISSING, event
from tests.unit.serving.events.event_store import RULES, MemoryStore
from tests.unit.serving.known_heavy_store import MemoryKnownHeavy

CREATED = {"statistics": MISSING, "endTime": MISSING}
BEARER = {"Authorization": "Bearer s3same"}

Collect = Callable[..., Collected]


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def settings(tmp_path: Path) -> Callable[..., CollectorSettings]:
    defaults: dict[str, Any] = {
        "spill_dir": tmp_path / "spill",
        "rejects": tmp_path / "rejects.jsonl",
        "batch_seconds": 3600,
    }
    return lambda **changes: CollectorSettings(**(defaults | changes))


@pytest.fixture
def collect(settings: Callable[..., CollectorSettings], store: MemoryStore) -> Iterator[Collect]:
    """A function that starts a collector, `changes` applied to its settings, asked from `host`."""
    with ExitStack() as stack:

        def start(*, host: str = "127.0.0.1", **changes: Any) -> Collected:
            return stack.enter_context(Collected(components(settings(**changes), store), host=host))

        yield start


def components(settings: CollectorSettings, store: MemoryStore) -> Components:
    return Components(settings, store, known_heavy=MemoryKnownHeavy(), rules=RULES)


def outcome(client: Collected, body: bytes) -> object:
    reply = client.post(body)
    assert reply.status_code == 200
    return reply.json()["outcome"]


def counted(client: Collected, outcome: str) -> float:
    lines = client.get("/metrics", headers=BEARER).text.splitlines()
    (line,) = (one for one in lines if one.startswith(f'smart_routing_query_events_total{{outcome="{outcome}"}}'))
    return float(line.rpartition(" ")[2])


def test_accepted_event_is_on_disk_and_at_the_end_in_the_store(
    settings: Callable[..., CollectorSettings], store: MemoryStore, tmp_path: Path
) -> None:
    store.go_down()
    with Collected(components(settings(), store)) as client:
        assert outcome(client, event({"metadata.plan": "a plan"})) == "accepted"
        (segment,) = (tmp_path / "spill").glob("segment-*")
        assert segment.read_bytes().count(b"\n") == 1
        assert b"a plan" not in segment.read_bytes()
        store.failure = None
    assert list(store.stored) == ["20261005_011107_00006_2pxgy"]
    assert not list((tmp_path / "spill").glob("segment-*"))


def test_second_event_of_a_query_is_acknowledged_and_not_kept(collect: Collect, store: MemoryStore) -> None:
    store.go_down()
    client = collect()
    assert [outcome(client, event()) for _ in range(2)] == ["accepted", "duplicate"]
    assert (counted(client, "accepted"), counted(client, "duplicate")) == (1, 1)


def test_created_event_is_acknowledged_and_not_kept(collect: Collect, tmp_path: Path) -> None:
    client = collect()
    assert outcome(client, event(CREATED)) == "created"
    assert counted(client, "created") == 1
    assert not list((tmp_path / "spill").glob("segment-*"))


def test_unusable_event_is_acknowledged_and_set_aside(collect: Collect, tmp_path: Path) -> None:
    client = collect()
    assert outcome(client, event({"statistics.cpuTime": "soon"})) == "rejected"
    (line,) = (tmp_path / "rejects.jsonl").read_text().splitlines()
    reject = json.loads(line)
    assert (reject["file"], "$.statistics.cpuTime" in reject["reason"]) == ("query-events", True)
    assert counted(client, "rejected") == 1


def test_full_spill_puts_the_sender_off_until_there_is_room(collect: Collect, store: MemoryStore) -> None:
    store.go_down()
    client = collect(spill_bytes=2**16)
    assert outcome(client, event({"metadata.query": "x" * 60_000})) == "accepted"
    other = event({"metadata.queryId": "q2", "metadata.query": "x" * 10_000})
    refused = client.post(other)
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
    assert "is full" in refused.json()["error"]
    assert (counted(client, "refused"), counted(client, "accepted")) == (1, 1)
    assert outcome(client, event({"metadata.queryId": "q3"})) == "accepted"


def test_reject_file_that_cannot_be_written_puts_the_sender_off(collect: Collect, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    reply = collect(rejects=tmp_path / "file" / "rejects.jsonl").post(b"{}")
    assert (reply.status_code, reply.headers["retry-after"]) == (503, "1")


def test_sender_that_goes_away_is_not_put_off(collect: Collect) -> None:
    client = collect()
    client.break_off(event()[:100])
    assert (counted(client, "broken_off"), counted(client, "refused"), counted(client, "accepted")) == (1, 0, 0)


@pytest.mark.parametrize("declared", [True, False], ids=["declared", "chunked"])
def test_body_over_the_bound_is_413(collect: Collect, declared: bool) -> None:
    body = event({"metadata.query": "x" * 5_000})
    client = collect(max_body_bytes=5_000)
    assert client.post(body, declared=declared).status_code == 413
    assert (counted(client, "too_large"), counted(client, "accepted")) == (1, 0)


def test_token_is_wanted_where_there_is_one(collect: Collect, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("s3same\n")
    client = collect(token_file=tmp_path / "token", host="10.0.0.7")
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic s3same"}):
        assert client.post(event(), headers=headers).status_code == 401
        assert client.get("/metrics", headers=headers).status_code == 401
    assert client.post(event(), headers=BEARER).json() == {"outcome": "accepted"}
    assert counted(client, "unauthorized") == 3
    assert [client.get(path).status_code for path in ("/healthz", "/readyz")] == [200, 200]


def test_token_file_that_goes_missing_loses_no_event(collect: Collect, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("s3same")
    client = collect(token_file=tmp_path / "token")
    (tmp_path / "token").rename(tmp_path / "elsewhere")
    refused = client.post(event(), headers=BEARER)
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
    assert str(tmp_path) not in refused.text
    (tmp_path / "elsewhere").rename(tmp_path / "token")
    assert client.post(event(), headers=BEARER).status_code == 200
    assert (counted(client, "refused"), counted(client, "unauthorized")) == (1, 0)


@pytest.mark.parametrize(("host", "status"), [("127.0.0.1", 200), ("::1", 200), ("10.0.0.7", 401)])
def test_without_a_token_only_loopback_is_answered(collect: Collect, host: str, status: int) -> None:
    client = collect(host=host)
    assert client.post(event()).status_code == status
    assert client.get("/metrics").status_code == status


def test_readiness_is_room_in_the_spill(collect: Collect, store: MemoryStore, tmp_path: Path) -> None:
    (tmp_path / "spill").mkdir()
    (tmp_path / "spill" / "segment-000000000001.jsonl").write_bytes(b"x" * 2**16)
    store.go_down()
    client = collect(spill_bytes=2**16)
    assert (client.get("/readyz").status_code, client.get("/healthz").status_code) == (503, 200)
    assert f"smart_routing_event_spill_bytes {2.0**16}" in client.get("/metrics").text


def test_second_collector_on_a_spill_folder_does_not_start(collect: Collect) -> None:
    collect()
    with pytest.raises(SettingsError, match="another collector's"):
        collect()


def test_token_file_that_cannot_be_read_is_found_at_the_start(
    settings: Callable[..., CollectorSettings], tmp_path: Path
) -> None:
    with pytest.raises(SettingsError, match=r"token file .* cannot be read"):
        create_app(settings(token_file=tmp_path / "nowhere"))


def refused_start(folder: Path, **variables: str) -> str:
    """What `python -m serving.collector` says of these settings."""
    done = Shell(own_environment(folder, SMART_ROUTING_COLLECTOR_PORT="0")).python(
        "-m", "serving.collector", **variables
    )
    assert (done.returncode, done.stdout) == (2, "")
    return done.stderr


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("SMART_ROUTING_COLLECTOR_SPIL_DIR", "x", "SMART_ROUTING_COLLECTOR_SPIL_DIR is not a setting"),
        ("SMART_ROUTING_COLLECTOR_TOKEN_FILE", "/nowhere", "token file /nowhere cannot be read"),
        ("SMART_ROUTING_COLLECTOR_SPILL_DIR", "/dev/null/spill", "spill folder /dev/null/spill cannot be used"),
    ],
    ids=["unknown", "token", "spill"],
)
def test_settings_that_cannot_be_used_are_told_in_one_line(
    tmp_path: Path, variable: str, value: str, told: str
) -> None:
    (line,) = refused_start(tmp_path, **{variable: value}).splitlines()
    assert told in line


def test_start_on_the_spill_of_another_is_told_in_one_line(
    tmp_path: Path, settings: Callable[..., CollectorSettings]
) -> None:
    with open_spill(settings().spill_dir, max_bytes=2**20):
        told = refused_start(tmp_path, SMART_ROUTING_COLLECTOR_SPILL_DIR=str(settings().spill_dir))
    assert told == f"spill folder {settings().spill_dir} is another collector's: expected one process a folder\n"


@pytest.mark.parametrize("url", ["folder", "postgresql://nobody@localhost/none"], ids=["folder", "postgresql"])
def test_store_opens_without_touching_anything(url: str, tmp_path: Path) -> None:
    query_log_store(url if "://" in url else str(tmp_path / url))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("value", "addresses"),
    [
        ("", ()),
        ("http://small:8080", ("http://small:8080",)),
        ("http://small:8080/, https://large,", ("http://small:8080", "https://large")),
    ],
    ids=["none", "one", "two"],
)
def test_coordinators_are_named_with_commas(
    monkeypatch: pytest.MonkeyPatch, value: str, addresses: tuple[str, ...]
) -> None:
    monkeypatch.setenv("SMART_ROUTING_COLLECTOR_COORDINATORS", value)
    assert CollectorSettings.load().coordinators == addresses


@pytest.mark.parametrize("value", ["small:8080", "http://", "http://ana:secret@small", "http://small/ui"])
def test_coordinator_that_is_no_address_is_an_error(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("SMART_ROUTING_COLLECTOR_COORDINATORS", f"http://large:8080,{value}")
    with pytest.raises(SettingsError, match=r"SMART_ROUTING_COLLECTOR_COORDINATORS .* expected http://host:8080"):
        CollectorSettings.load()
