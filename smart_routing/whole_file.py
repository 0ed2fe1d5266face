"""Replacing a file as a whole, for readers that are other processes."""

import os
from contextlib import suppress
from pathlib import Path
from tempfile import mkstemp
from typing import Final

_NEW_FILE_MODE: Final = 0o644


def replace_file(path: Path, content: bytes) -> None:
    """Readers see the old content or the new, whole; raises `OSError`.

    The file keeps its permissions, as its readers may be other users.
    """
    mode = path.stat().st_mode & 0o777 if path.exists() else _NEW_FILE_MODE
    handle, scratch = mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(scratch).chmod(mode)
        Path(scratch).replace(path)
    finally:
        with suppress(FileNotFoundError):
            Path(scratch).unlink()
