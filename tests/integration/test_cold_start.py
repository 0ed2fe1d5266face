"""What a worker takes to be ready, and to be there: also with its registry down."""

import os
import time
from collections.abc import Callable
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

MOST_RESIDENT_MB: Final = 160


def cpu_seconds(pid: int) -> float:
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def resident_mb(pid: int) -> float:
    line = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024


@pytest.mark.parametrize("is_registry_down", [False, True], ids=["folder", "registry-down"])
def test_one_process_is_soon_ready_and_small(
    tmp_path: Path, is_registry_down: bool, figure: Callable[[str], None]
) -> None:
    JoinModel().publish(tmp_path / "v1")
    folder = own_environment(
        tmp_path, SMART_ROUTING_SERVING_SOURCE=str(tmp_path / "v1"), SMART_ROUTING_SERVING_ADMIN_PORT=str(free_port())
    )
    nobody = f"http://{LOOPBACK}:{free_port()}"
    registry = {
        "SMART_ROUTING_SERVING_SOURCE": "models:/query-weight-classifier@production",
        "SMART_ROUTING_REGISTRY_URI": nobody,
    }
    if is_registry_down:
        with running(router(tmp_path / "before", free_port(), environment=folder)):
            pass  # leaves the last known good version
    began = time.monotonic()
    environment = folder | registry if is_registry_down else folder
    with running(router(tmp_path / "router", free_port(), environment=environment)) as process:
        took = time.monotonic() - began
        cpu, resident, processes = cpu_seconds(process.pid), resident_mb(process.pid), tree([process.pid])
    figure(
        f"cold start{', registry down' if is_registry_down else ''}: {took:.2f} s (looked each 0.1 s), "
        f"{cpu:.2f} s of CPU, {resident:.0f} MB"
    )
    assert processes == {process.pid}
    assert cpu < MOST_CPU_SECONDS
    assert resident < MOST_RESIDENT_MB
