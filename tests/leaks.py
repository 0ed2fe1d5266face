"""Looks for planted secrets in log files. Stores (spill, rejects, the query log) are no logs; name them as stores."""

import gzip
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from json import dumps
from pathlib import Path
from urllib.parse import quote, quote_plus

SHORTEST_MARKER = 8
"""Characters; a shorter one would be found by chance."""


@dataclass(frozen=True)
class Leak:
    """A file that holds a marker, and the first form in which it was found there."""

    file: Path
    marker: str
    form: str


def leaks(folders: Iterable[Path], markers: Iterable[str], *, stores: Iterable[Path] = ()) -> list[Leak]:
    """Every marker in every file below `folders`, but for what is in `stores`; .gz files are looked into.

    A marker is looked for as it stands, as in JSON, URL-encoded, and in base64 wherever in the encoded text it begins.
    Raises `ValueError` for a folder without a file and for a marker too short: these would find nothing, or chance.
    """
    kept_out, planted = list(stores), list(markers)
    return [leak for folder in folders for file in _files(folder, kept_out) for leak in _leaks_of(file, planted)]


def _files(folder: Path, stores: list[Path]) -> list[Path]:
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    logs = [path for path in files if not any(path.is_relative_to(store) for store in stores)]
    if not logs:
        raise ValueError(f"no log file below {folder}")
    return logs


def _leaks_of(file: Path, markers: list[str]) -> Iterator[Leak]:
    content = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
    lower = content.lower()
    for marker in markers:
        found = (form for form, written in _forms(marker) if written in content or _is_url(form, written, lower))
        if form := next(found, None):
            yield Leak(file, marker, form)


def _is_url(form: str, written: bytes, lower: bytes) -> bool:
    """Hexadecimal digits may be of either case."""
    return form == "url" and written.lower() in lower


def _forms(marker: str) -> Iterator[tuple[str, bytes]]:
    if len(marker) < SHORTEST_MARKER:
        raise ValueError(f"marker {marker!r} is too short: expected {SHORTEST_MARKER} characters or more")
    text = marker.encode()
    yield "plain", text
    yield "json", dumps(marker)[1:-1].encode()
    for written in (quote(marker, safe=""), quote(marker), quote_plus(marker)):
        yield "url", written.encode()
    for skipped in range(3):
        # Only characters that are made of the marker's bits alone, whatever stands before and after it.
        alone = slice((8 * skipped + 5) // 6, 8 * (skipped + len(text)) // 6)
        padded = bytes(skipped) + text
        yield "base64", b64encode(padded)[alone]
        yield "base64", urlsafe_b64encode(padded)[alone]
