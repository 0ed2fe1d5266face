"""trino-lb's script router, loaded as trino-lb loads it, in front of a real router and of what is none."""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from threading import Thread
from types import ModuleType
from typing import Final

import pytest
import yaml

from infra.local.servers import router_server
from tests.bundles import JoinModel
from tests.shell import ROOT, Shell, own_environment

FOLDER: Final = ROOT / "infra" / "trino-lb"
HEADERS: Final = {"x-trino-user": "ana", "x-trino-source": "bi", "x-trino-catalog": "c", "x-trino-schema": "s"}
LIGHT: Final = "select 1"
HEAVY: Final = "select * from a join b on a.x = b.x join c on b.y = c.y"

Script = Callable[[str, dict[str, str]], object]


@pytest.fixture(scope="module")
def router(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a router whose model calls a statement heavy from two joins on."""
    folder = tmp_path_factory.mktemp("router")
    JoinModel().publish(folder / "v1.0.0")
    environment = own_environment(
        folder,
        SMART_ROUTING_SERVING_SOURCE=str(folder / "v1.0.0"),
        SMART_ROUTING_SERVING_DECISION_LOG="",
    )
    with router_server(folder, environment) as url:
        yield url


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Script]:
    """A function that compiles the script as trino-lb does at its start, with a router's URL in its environment."""

    def compile_with(url: str) -> Script:
        monkeypatch.setenv("ROUTER_URL", url)
        module = ModuleType("")
        exec((FOLDER / "router.py").read_text(), module.__dict__)  # noqa: S102  # what trino-lb does
        found: Script = module.targetClusterGroup
        return found

    return compile_with


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        yield server


def url_of(server: socket.socket) -> str:
    return f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.mark.parametrize(
    ("sql", "headers", "group"),
    [
        (LIGHT, HEADERS, "small"),
        (HEAVY, HEADERS, "large"),
        ("show tables", HEADERS, "small"),
        ("insert into t select 1", HEADERS, "large"),
        (LIGHT, HEADERS | {"x-trino-transaction-id": "20261005_1"}, "large"),
        (LIGHT, HEADERS | {"x-trino-transaction-id": "NONE"}, "small"),
        (LIGHT, {}, "small"),
        ("execute p", HEADERS, "large"),
        ("select '\N{GRINNING FACE}'", HEADERS, "small"),
        ("", HEADERS, "large"),
        (f"select '{'x' * 2**22}'", HEADERS, "large"),
    ],
    ids=[
        "light", "heavy", "metadata", "write", "transaction", "no-transaction", "no-headers", "execute", "beyond-bmp",
        "empty", "too-large",
    ],
)  # fmt: skip
def test_group_is_the_routers_decision(
    router: str, load: Callable[[str], Script], sql: str, headers: dict[str, str], group: str
) -> None:
    assert load(router)(sql, headers) == group


def test_groups_may_be_called_otherwise(
    router: str, load: Callable[[str], Script], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROUTER_SMALL_GROUP", "s")
    monkeypatch.setenv("ROUTER_LARGE_GROUP", "l")
    script = load(router)
    assert [script(sql, HEADERS) for sql in (LIGHT, HEAVY)] == ["s", "l"]


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:9", "http://no-such-host.invalid", "nonsense", "http://127.0.0.1:99999"],
    ids=["closed", "unknown-host", "no-url", "no-port"],
)
def test_router_that_is_not_there_means_large(load: Callable[[str], Script], url: str) -> None:
    assert load(url)(LIGHT, HEADERS) == "large"


@pytest.mark.parametrize(
    "reply",
    [
        b"",
        b"\x00\xff\xfe garbage\r\n\r\n",
        b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 20\r\n\r\n" + b'{"decision":"light"}',
        b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n" + b'{"decision":"li',
        b"HTTP/1.1 200 OK\r\nContent-Length: 19\r\n\r\n" + b'{"decision":"tiny"}',
    ],
    ids=["nothing", "no-http", "500", "no-json", "list", "no-decision", "cut-off", "unknown-decision"],
)
def test_garbage_means_large(listener: socket.socket, load: Callable[[str], Script], reply: bytes) -> None:
    def answer() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(reply)

    thread = Thread(target=answer)
    thread.start()
    assert load(url_of(listener))(LIGHT, HEADERS) == "large"
    thread.join()


def test_server_that_says_nothing_means_large_within_half_a_second(
    listener: socket.socket, load: Callable[[str], Script]
) -> None:
    assert best_seconds(load(url_of(listener))) < 0.5


def test_server_that_drips_means_large_within_half_a_second(
    listener: socket.socket, load: Callable[[str], Script]
) -> None:
    def drip() -> None:
        for _ in range(3):
            connection, _ = listener.accept()
            with connection, suppress(ConnectionError):
                for byte in b"HTTP/1.1 200 OK":
                    connection.sendall(bytes([byte]))
                    time.sleep(0.05)

    thread = Thread(target=drip)
    thread.start()
    assert best_seconds(load(url_of(listener))) < 0.5
    thread.join()


def best_seconds(script: Script) -> float:
    """The shortest of three answers, each of them large: a machine that is busy may be late once."""
    taken = []
    for _ in range(3):
        begun = time.monotonic()
        assert script(LIGHT, HEADERS) == "large"
        taken.append(time.monotonic() - begun)
    return min(taken)


def test_example_configuration_finds_the_script_and_its_groups(router: str, tmp_path: Path) -> None:
    config = yaml.safe_load((FOLDER / "config.yaml").read_text())
    (entry,) = config["routers"]
    script = entry["pythonScript"]["script"].replace("/etc/trino-lb", str(FOLDER))
    asked = f"{script}\nprint(targetClusterGroup({LIGHT!r}, {HEADERS!r}), targetClusterGroup({HEAVY!r}, {HEADERS!r}))"
    done = Shell({"HOME": str(tmp_path), "ROUTER_URL": router}).python("-I", "-S", "-c", asked)
    assert (done.stderr, done.stdout.split()) == ("", ["small", "large"])
    assert set(config["trinoClusterGroups"]) == {"small", "large"}
    assert config["routingFallback"] == "large"
