"""A stored file in memory that can be out of reach."""

from smart_routing.errors import StoredFileError
from smart_routing.stored_file import StoredFile


class MemoryFile:
    """A `FileStore`; `is_down` makes every call fail, `reads` counts how often the content was asked for."""

    what = "history snapshot"

    def __init__(self) -> None:
        self.is_down = False
        self.reads = 0
        self._stored: StoredFile | None = None
        self._writes = 0

    def __str__(self) -> str:
        return "memory"

    def tag(self) -> str | None:
        self._check()
        return self._stored.tag if self._stored else None

    def read(self) -> StoredFile | None:
        self._check()
        self.reads += 1
        return self._stored

    def write(self, content: bytes) -> None:
        self._check()
        self._writes += 1
        self._stored = StoredFile(content, str(self._writes))

    def remove(self) -> None:
        self._stored = None

    def _check(self) -> None:
        if self.is_down:
            raise StoredFileError("memory cannot be read: it is down")
