"""Processes that have a mark in their environment, which all their children inherit."""

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

POLITE_SECONDS: Final = 10.0


def marked(name: str, value: str) -> list[int]:
    """The ids of all processes that live and were started with this variable; those of other users only for root."""
    mark = f"{name}={value}".encode()
    found = (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal())
    return [pid for pid in found if mark in _environment(pid)]


def end(processes: Callable[[], list[int]]) -> None:
    """Ends what `processes` finds, politely, then surely; it is asked again for what they start meanwhile."""
    _signal(processes(), signal.SIGTERM)
    deadline = time.monotonic() + POLITE_SECONDS
    while processes() and time.monotonic() < deadline:
        time.sleep(0.2)
    while left := processes():
        _signal(left, signal.SIGKILL)
        time.sleep(0.1)


def _signal(processes: list[int], number: signal.Signals) -> None:
    for pid in processes:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def _environment(pid: int) -> list[bytes]:
    """Empty for a process that has ended."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    return []
