"""Which processes are below others by the kernel's own word, whatever they have in their environment."""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

PROC: Final = Path("/proc")
ENDED: Final = frozenset("ZX")
"""States of processes that have ended: nobody has asked for their exit code yet."""


def tree(roots: Iterable[int]) -> set[int]:
    """The ids of these processes and of all that live below them; a child of one that has ended is not."""
    parents = {int(entry.name): _parent(int(entry.name)) for entry in PROC.iterdir() if entry.name.isdecimal()}
    found, level = set[int](), set(roots)
    while level:
        found |= level
        level = {pid for pid, parent in parents.items() if parent in level} - found
    return found


def alive(pids: Iterable[int]) -> set[int]:
    """Those of the processes that have not ended."""
    return {pid for pid in pids if _parent(pid) is not None}


def _parent(pid: int) -> int | None:
    """None for a process that has ended."""
    try:
        stat = (PROC / str(pid) / "stat").read_text()
    except OSError:
        return None
    state, parent, *_ = stat.rpartition(")")[2].split()  # the name before may have spaces and brackets
    return None if state in ENDED else int(parent)
