"""The folder that a replay has to itself: nothing of anybody else's is in it, and nobody else uses it meanwhile."""

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TextIO

from smart_routing.errors import InputError

MARK: Final = "replay.lock"
"""Is in every folder of a replay, and is held by the one that runs."""


@contextmanager
def workspace(folder: Path) -> Iterator[None]:
    """Empties the folder of what an earlier replay left there, or makes it, and holds it until the block ends.

    Raises `InputError` where it has what no replay wrote, where another replay runs in it, or where it cannot be made.
    """
    try:
        mark = _held(folder)
    except BlockingIOError as error:
        raise InputError(f"--out {folder}: another replay runs there, expected a folder of its own") from error
    except OSError as error:
        raise InputError(f"--out {folder} cannot be made or emptied: {error.strerror}") from error
    with mark:
        yield


def _held(folder: Path) -> TextIO:
    folder.mkdir(parents=True, exist_ok=True)
    mark = folder / MARK
    found = [entry for entry in folder.iterdir() if entry != mark]
    if found and not mark.is_file():
        raise InputError(
            f"--out {folder} has {found[0].name}, which no replay wrote: expected a new or an empty folder, or one of "
            "an earlier replay"
        )
    held = mark.open("a")
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        for entry in found:
            _remove(entry)
    except OSError:
        held.close()
        raise
    return held


def _remove(entry: Path) -> None:
    if entry.is_dir() and not entry.is_symlink():
        shutil.rmtree(entry)
    else:
        entry.unlink()
