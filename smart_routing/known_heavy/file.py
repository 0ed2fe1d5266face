"""The known-heavy list in a file: changes are appended as JSON Lines, and the last one of a template counts."""

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO, Final

import msgspec

from smart_routing.errors import KnownHeavyError
from smart_routing.known_heavy.entries import KnownHeavyEntry, SessionTemplate
from smart_routing.whole_file import replace_file

COMPACT_BYTES: Final = 64 * 1024
"""Size up to which lines that no longer count are left where they are."""


class _Added(msgspec.Struct, frozen=True, tag_field="op", tag="add"):
    entry: KnownHeavyEntry


class _Removed(msgspec.Struct, frozen=True, tag_field="op", tag="remove"):
    key: SessionTemplate


_Change = _Added | _Removed
_DECODER: Final[msgspec.json.Decoder[_Change]] = msgspec.json.Decoder(_Added | _Removed)


class KnownHeavyFile:
    """A `KnownHeavyStore` at `path`, which the first change makes. Writers wait for each other, readers for nobody.

    Lines that cannot be read, such as the half one of a full disk, are passed over.
    """

    def __init__(self, path: Path, *, max_entries: int) -> None:
        self._path = path
        self._max_entries = max_entries

    def version(self) -> str:
        try:
            found = self._path.stat()
        except FileNotFoundError:
            return "none"
        except OSError as error:
            raise self._failure("read", error) from error
        return f"{found.st_ino}-{found.st_mtime_ns}-{found.st_size}"

    def entries(self) -> tuple[KnownHeavyEntry, ...]:
        return self._bounded(_replay(self._read()))

    def add(self, entries: Sequence[KnownHeavyEntry], *, now: datetime) -> None:
        with self._alone() as file:
            _append(file, [_Added(entry) for entry in entries])
            if file.tell() > COMPACT_BYTES:
                self._compact(now)

    def remove(self, template: SessionTemplate) -> bool:
        with self._alone() as file:
            found = template in _replay(self._read())
            if found:
                _append(file, [_Removed(template)])
        return found

    def _compact(self, now: datetime) -> None:
        """Rewrites the file where most of its lines no longer count."""
        content = self._read()
        alive = (entry for entry in self._bounded(_replay(content)) if now < entry.expires_at)
        lines = [_line(_Added(entry)) for entry in alive]
        if 2 * len(lines) <= content.count(b"\n"):
            replace_file(self._path, b"".join(lines))

    def _bounded(self, entries: dict[SessionTemplate, KnownHeavyEntry]) -> tuple[KnownHeavyEntry, ...]:
        return tuple(sorted(entries.values(), key=lambda entry: entry.expires_at)[-self._max_entries :])

    def _read(self) -> bytes:
        try:
            return self._path.read_bytes()
        except FileNotFoundError:
            return b""
        except OSError as error:
            raise self._failure("read", error) from error

    @contextmanager
    def _alone(self) -> Iterator[IO[bytes]]:
        """The file, to be appended to by nobody else. The lock is a file beside it, as the file itself is replaced."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.with_name(f"{self._path.name}.lock").open("ab") as lock:
                fcntl.flock(lock.fileno(), fcntl.LOCK_EX)
                with self._path.open("a+b") as file:
                    yield file
        except OSError as error:
            raise self._failure("written", error) from error

    def _failure(self, what: str, error: OSError) -> KnownHeavyError:
        return KnownHeavyError(f"known-heavy list {self._path} cannot be {what}: {error.strerror}")


def _append(file: IO[bytes], changes: Sequence[_Change]) -> None:
    size = file.seek(0, os.SEEK_END)
    file.seek(max(size - 1, 0))
    begun = b"" if file.read(1) in (b"", b"\n") else b"\n"  # a line that broke off does not spoil the next
    file.write(begun + b"".join(map(_line, changes)))
    file.flush()


def _line(change: _Change) -> bytes:
    return msgspec.json.encode(change) + b"\n"


def _replay(content: bytes) -> dict[SessionTemplate, KnownHeavyEntry]:
    """What is left when all changes are made in their order; a last one that is still being written is left out."""
    *lines, _ = content.split(b"\n")
    entries: dict[SessionTemplate, KnownHeavyEntry] = {}
    for change in map(_change, lines):
        if isinstance(change, _Added):
            entries[change.entry.key] = change.entry
        elif isinstance(change, _Removed):
            entries.pop(change.key, None)
    return entries


def _change(line: bytes) -> _Change | None:
    try:
        return _DECODER.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
