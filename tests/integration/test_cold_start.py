"""What a worker takes to be ready, and to be there: also with its registry down."""

import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Final

import pytest

from infra.local.processes import LOOPBACK, free_port, running
from infra.local.servers.router import router
from tests.bundles import JoinModel
from tests.process_tree import tree
from tests.shell import own_environment

MOST_CPU_SECONDS: Final = 1.5
"""Of processor time, which other work on the machine changes least; 0.5 s where nothing else runs."""

MOST_SECONDS: Final = 6.0
"""From start to ready, and from SIGTERM to the end, on a busy machine; a silent registry is waited for 10 s."""

MOST_RESIDENT_MB: Final = 160


def cpu_seconds(pid: int) -> float:
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def resident_mb(pid: int) -> float:
    line = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024


@contextmanager
def listening_only() -> Iterator[int]:
    """A port that takes connections and never says a word."""
    with socket.create_server((LOOPBACK, 0)) as listener:
        yield listener.getsockname()[1]


@contextmanager
def nobody() -> Iterator[int]:
    """A port that refuses connections."""
    yield free_port()


@pytest.mark.parametrize(
    "registry", [None, nobody, listening_only], ids=["folder", "registry-down", "registry-that-hangs"]
)
def test_one_process_is_soon_ready_and_small_and_soon_gone(
    tmp_path: Path, registry: Callable[[], AbstractContextManager[int]] | None, figure: Callable[[str], None]
) -> None:
    JoinModel().publish(tmp_path / "v1")
    folder = own_environment(
        tmp_path, SMART_ROUTING_SERVING_SOURCE=str(tmp_path / "v1"), SMART_ROUTING_SERVING_ADMIN_PORT=str(free_port())
    )
    with ExitStack() as stack:
        environment = folder
        if registry is not None:
            with running(router(tmp_path / "before", free_port(), environment=folder)):
                pass  # leaves the last known good version
            environment = folder | {
                "SMART_ROUTING_SERVING_SOURCE": "models:/query-weight-classifier@production",
                "SMART_ROUTING_REGISTRY_URI": f"http://{LOOPBACK}:{stack.enter_context(registry())}",
            }
        began = time.monotonic()
        process = stack.enter_context(running(router(tmp_path / "router", free_port(), environment=environment)))
        took = time.monotonic() - began
        cpu, resident, processes = cpu_seconds(process.pid), resident_mb(process.pid), tree([process.pid])
        began = time.monotonic()
        process.terminate()
        process.wait(10)
        ended = time.monotonic() - began
    where = registry.__name__ if registry else "folder"
    figure(
        f"cold start, {where}: {took:.2f} s (looked each 0.1 s), {cpu:.2f} s of CPU, {resident:.0f} MB; "
        f"its end {ended:.2f} s"
    )
    assert processes == {process.pid}
    assert took < MOST_SECONDS
    assert ended < MOST_SECONDS
    assert cpu < MOST_CPU_SECONDS
    assert resident < MOST_RESIDENT_MB
