"""Accepted events on the collector's own disk: numbered segments of lines, each there until the store has it."""

import fcntl
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from smart_routing.errors import SettingsError, SpillError

SEGMENT_BYTES: Final = 4 * 2**20
_PATTERN: Final = "segment-*.jsonl"


@dataclass(slots=True)
class _Open:
    path: Path
    handle: int
    size: int = 0


class Spill:
    """Segments in `folder`, at most `max_bytes` in all; `append` is for one thread, the rest for any.

    A segment is closed when it has `segment_bytes`, by `rotate`, or because the process before this one ended. After a
    `sync` that failed nothing is appended until one works.
    """

    def __init__(
        self,
        folder: Path,
        *,
        max_bytes: int,
        segment_bytes: int = SEGMENT_BYTES,
        fsync: Callable[[int], None] = os.fsync,
    ) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._segment_bytes = segment_bytes
        self._fsync = fsync
        self._lock = threading.Lock()
        self._syncing = threading.Lock()
        self._closed = {path: path.stat().st_size for path in sorted(folder.glob(_PATTERN))}
        self._last = max((int(path.stem.removeprefix("segment-")) for path in self._closed), default=0)
        self._open: _Open | None = None
        self._unsynced: list[int] = []
        self._dirty = False
        self._has_failed = False

    @property
    def size(self) -> int:
        """Bytes in all segments."""
        with self._lock:
            return self._total()

    @property
    def refusal(self) -> str | None:
        """Why nothing can be appended now; None where something can."""
        with self._lock:
            if self._has_failed:
                return "the spill cannot be synced to its disk"
            return None if self._total() < self._max_bytes else "the spill is full"

    def append(self, line: bytes) -> None:
        """Hands `line` and a line break to the operating system, so that the end of this process cannot lose it.

        Raises `SpillError` where it would not fit or cannot be written, and after a `sync` that failed; nothing of it
        counts then.
        """
        content = line + b"\n"
        with self._lock:
            if self._has_failed:
                raise SpillError("the spill cannot be synced to its disk: expected a sync that works")
            if self._total() + len(content) > self._max_bytes:
                raise SpillError(f"the spill is full: no room for {len(content)} of {self._max_bytes} bytes")
            try:
                segment = self._open or self._new_segment()
                _write_all(segment.handle, content)
            except OSError as error:
                self._abandon()
                raise SpillError(f"the spill cannot be written: {error.strerror}") from error
            segment.size += len(content)
            self._dirty = True
            if segment.size >= self._segment_bytes:
                self._close_segment(segment)

    def rotate(self) -> None:
        """Closes the segment that is written to, if there is one."""
        with self._lock:
            if self._open is not None:
                self._close_segment(self._open)

    def closed(self) -> list[Path]:
        """Segments that nobody writes to, the oldest first."""
        with self._lock:
            return list(self._closed)

    def remove(self, segment: Path) -> None:
        """Deletes a closed segment."""
        with self._lock:
            segment.unlink(missing_ok=True)
            self._closed.pop(segment, None)

    def sync(self) -> None:
        """Waits until the disk has what was appended so far; raises `OSError`. Appending goes on meanwhile."""
        with self._syncing:
            with self._lock:
                if not self._dirty:
                    return
                closed, is_repeated, self._dirty = list(self._unsynced), self._has_failed, False
                handles = closed if self._open is None else [*closed, self._open.handle]
            try:
                self._wait_for_disk(map(_written_again, handles) if is_repeated else handles)
            except OSError:
                self._fail()
                raise
            with self._lock:
                self._has_failed = False
                del self._unsynced[: len(closed)]
        for handle in closed:
            os.close(handle)

    def _wait_for_disk(self, handles: Iterable[int]) -> None:
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            for handle in (*handles, folder):
                self._fsync(handle)
        finally:
            os.close(folder)

    def _fail(self) -> None:
        """What was not synced stays to be; the segment that is written to is one of these from now on."""
        with self._lock:
            self._has_failed = self._dirty = True
            if self._open is not None:
                self._close_segment(self._open)

    def _total(self) -> int:
        return sum(self._closed.values()) + (self._open.size if self._open else 0)

    def _new_segment(self) -> _Open:
        path = self._folder / f"segment-{self._last + 1:012d}.jsonl"
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        self._last += 1
        self._open = _Open(path, handle)
        return self._open

    def _close_segment(self, segment: _Open) -> None:
        self._closed[segment.path] = segment.size
        self._unsynced.append(segment.handle)  # closed once synced: that may take longer than a sender should wait
        self._open = None

    def _abandon(self) -> None:
        """After a write that failed: cuts off what came through of it. What cannot be cut off has no line break."""
        segment = self._open
        if segment is None:
            return
        with suppress(OSError):
            os.ftruncate(segment.handle, segment.size)
        self._close_segment(segment)
        if segment.size == 0:  # else a full disk would fill with empty files
            self._closed.pop(segment.path)
            segment.path.unlink(missing_ok=True)


def read_lines(segment: Path) -> list[bytes]:
    """The lines of a segment. A last one without its line break was never acknowledged and is left out."""
    *lines, _ = segment.read_bytes().split(b"\n")
    return lines


@contextmanager
def open_spill(folder: Path, *, max_bytes: int) -> Iterator[Spill]:
    """The spill in `folder`, this process's alone and synced at the end; raises `SettingsError`."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise SettingsError(f"spill folder {folder} cannot be used: {error.strerror}") from error
    try:
        _lock_alone(lock, folder)
        spill = Spill(folder, max_bytes=max_bytes)
        yield spill
        spill.rotate()
        spill.sync()
    finally:
        os.close(lock)


def _lock_alone(lock: int, folder: Path) -> None:
    """The lock goes with the process, however it ends."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise SettingsError(f"spill folder {folder} is another collector's: expected one process a folder") from error


def _write_all(handle: int, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(handle, rest) :]


def _written_again(handle: int) -> int:
    """A kernel takes for written what it failed to write, and would call the next sync a success without it."""
    found = os.fstat(handle)
    if found.st_nlink:  # else the store has it
        os.lseek(handle, 0, os.SEEK_SET)
        _write_all(handle, os.pread(handle, found.st_size, 0))
    return handle
