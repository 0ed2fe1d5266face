"""The reject file: lines of a query log that could not be used, each with its reason."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BufferedWriter
from pathlib import Path
from typing import Final

import msgspec

from smart_routing.errors import QueryLogError

MAX_TEXT_CHARACTERS: Final = 2_000
FIRST_REASONS: Final = 3


class Reject(msgspec.Struct, frozen=True):
    """One line of the reject file; `text` is cut to `MAX_TEXT_CHARACTERS`, `line` counts from 1."""

    file: str
    line: int
    reason: str
    text: str


@dataclass(slots=True)
class RejectLog:
    """Counts rejects, remembers the first reasons and appends each reject to the file, where there is one."""

    file: BufferedWriter | None
    count: int = 0
    first: list[str] = field(default_factory=list)

    def add(self, *, file: str, line: int, reason: str, text: bytes) -> None:
        self.count += 1
        if len(self.first) < FIRST_REASONS:
            self.first.append(f"{file}:{line}: {reason}")
        if self.file is not None:
            # No character of UTF-8 is longer than 4 bytes: the slice spares decoding 16 MiB to keep 2,000 characters.
            start = text[: 4 * MAX_TEXT_CHARACTERS].decode("utf-8", "replace").rstrip("\r\n")[:MAX_TEXT_CHARACTERS]
            self.file.write(msgspec.json.encode(Reject(file, line, reason, start)) + b"\n")


def owners_only(path: str, flags: int) -> int:
    """As `opener` of `open`: a file that is made is for its owner only, because it holds statements."""
    return os.open(path, flags, 0o600)


@contextmanager
def reject_log(path: Path | None) -> Iterator[RejectLog]:
    """A reject log that overwrites `path`: the file stays empty when nothing is rejected."""
    if path is None:
        yield RejectLog(None)
        return
    with _created(path) as file:
        yield RejectLog(file)


def _created(path: Path) -> BufferedWriter:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return open(path, "wb", opener=owners_only)
    except OSError as error:
        raise QueryLogError(
            f"reject file {path} cannot be written: {error.strerror}; expected a writable path"
        ) from error
