"""The collector's reject file: what is no usable event, each with its reason, bounded."""

from pathlib import Path
from typing import Final

from smart_routing.errors import SpillError
from smart_routing.querylog.rejects import RejectLog, owners_only

MAX_BYTES: Final = 64 * 2**20


class RejectFile:
    """Appends to `path`; once over `max_bytes` the file takes the ending `.1`, and the one before is gone."""

    def __init__(self, path: Path, *, max_bytes: int = MAX_BYTES) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._count = 0

    def add(self, text: bytes, *, origin: str, reason: str) -> None:
        """Keeps the beginning of `text`; raises `SpillError` where the disk fails."""
        self._count += 1
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._make_room()
            with open(self._path, "ab", opener=owners_only) as file:
                RejectLog(file).add(file=origin, line=self._count, reason=reason, text=text)
        except OSError as error:
            raise SpillError(f"the reject file cannot be written: {error.strerror}") from error

    def _make_room(self) -> None:
        if self._path.exists() and self._path.stat().st_size >= self._max_bytes:
            self._path.replace(self._path.with_name(f"{self._path.name}.1"))
