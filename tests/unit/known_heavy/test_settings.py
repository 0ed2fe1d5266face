import subprocess
import sys
from pathlib import Path

import pytest

from infra.local.processes import free_port
from serving.known_heavy.opening import open_known_heavy
from smart_routing.errors import KnownHeavyError, SettingsError
from smart_routing.settings import KnownHeavySettings
from tests.unit.known_heavy.samples import NOW, entry


@pytest.mark.parametrize(
    ("url", "message"),
    [
        pytest.param("", "expected a file, or one of redis://", id="empty"),
        pytest.param("s3://bucket/list", "'s3://bucket/list': expected a file", id="s3"),
        pytest.param("postgresql://ana:hush@db/x", r"'postgresql://\[redacted\]@db/x'", id="postgresql"),
        pytest.param("redis://:hush@host:port/0", r"redis://\[redacted\]@host:port/0 is no address", id="port"),
    ],
)
def test_store_that_there_cannot_be_is_refused(url: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message) as raised:
        open_known_heavy(KnownHeavySettings(store=url))
    assert "hush" not in str(raised.value)


def test_opening_touches_nothing(tmp_path: Path) -> None:
    open_known_heavy(KnownHeavySettings(store=str(tmp_path / "list.jsonl")))
    open_known_heavy(KnownHeavySettings(store=f"redis://127.0.0.1:{free_port()}/0"))
    assert list(tmp_path.iterdir()) == []


def test_redis_that_is_down_is_told() -> None:
    store = open_known_heavy(KnownHeavySettings(store=f"redis://127.0.0.1:{free_port()}/0"))
    calls = (
        store.version,
        store.entries,
        lambda: store.add([entry(1)], now=NOW),
        lambda: store.remove(entry(1).key),
    )
    for call in calls:
        with pytest.raises(KnownHeavyError, match="in Redis cannot be reached"):
            call()


def test_who_uses_a_file_loads_no_client_of_redis() -> None:
    program = "import serving.app, serving.collector, sys; print('redis' in sys.modules)"
    root = Path(__file__).parents[3]
    found = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True)
    assert found.stdout == "False\n"


@pytest.mark.parametrize(
    ("setting", "environment", "expected"),
    [
        ("small", "small", True),
        ("small", "large", False),
        ("small", None, False),
        ("small_eu, small_us", "small_us", True),
        ("", "", False),
    ],
)
def test_small_environments_are_those_that_are_named(setting: str, environment: str | None, expected: bool) -> None:
    assert KnownHeavySettings(small_environments=setting).is_small(environment) is expected
