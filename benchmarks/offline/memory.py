"""The memory of a process and all that it started."""

import os
import subprocess
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_EVERY_SECONDS: Final = 0.2
_PROC: Final = Path("/proc")
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Watched:
    """What a command printed, and the most memory that it and its children held at one time, in bytes."""

    stdout: str
    peak_bytes: int


def run_watched(command: Sequence[str], *, cwd: Path) -> Watched:
    """Run to the end; raises `subprocess.CalledProcessError` where it fails. Shared pages count for each process."""
    ended, peak = threading.Event(), [0]
    with subprocess.Popen(command, cwd=cwd, stdout=subprocess.PIPE, text=True) as process:

        def watch() -> None:
            while not ended.wait(_EVERY_SECONDS):
                peak[0] = max(peak[0], tree_bytes(process.pid))

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            stdout, _ = process.communicate()
        finally:
            ended.set()
            watcher.join()
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, list(command))
    return Watched(stdout, peak[0])


def tree_bytes(root: int) -> int:
    """Resident bytes of a process and its descendants."""
    found = {pid: (parent, resident) for pid, parent, resident in _processes()}
    tree = {root}
    grown = True
    while grown:
        more = {pid for pid, (parent, _) in found.items() if parent in tree} - tree
        tree |= more
        grown = bool(more)
    return sum(found[pid][1] for pid in tree if pid in found)


def _processes() -> Iterator[tuple[int, int, int]]:
    """Of every process its id, its parent's and its resident bytes."""
    for folder in _PROC.glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:  # it ended meanwhile
            continue
        yield int(folder.name), int(fields[1]), int(fields[21]) * _PAGE
