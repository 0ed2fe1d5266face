"""The event files below a location (a file, a folder, S3), and their lines."""

import gzip
import io
import os
import zlib
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, cast

from smart_routing.errors import QueryLogError
from smart_routing.querylog.s3 import SCHEME, S3Address, s3_failures

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

CSV_SUFFIXES: Final = (".csv", ".csv.gz")
SUFFIXES: Final = (".jsonl", ".jsonl.gz", ".json", ".json.gz", *CSV_SUFFIXES)
MAX_LINE_BYTES: Final = 16 * 1024 * 1024
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Line:
    """One line that is not blank; `number` counts from 1, `text` is cut after `MAX_LINE_BYTES` when `too_long`."""

    number: int
    text: bytes
    too_long: bool = False


@dataclass(frozen=True, slots=True)
class EventFile:
    """Lines of text; gzip if the name ends in .gz."""

    name: str
    open: Callable[[], BinaryIO]

    def lines(self) -> Iterator[Line]:
        """The lines that are not blank; raises as `texts` does."""
        for number, text in enumerate(self.texts(), start=1):
            if not text.isspace():
                yield Line(number, text[:MAX_LINE_BYTES], too_long=len(text) > MAX_LINE_BYTES)

    def texts(self) -> Generator[bytes, None, None]:
        """Every line with its line break, cut after `MAX_LINE_BYTES` + 1, and no byte order mark.

        Streams the file; raises `QueryLogError` where it cannot be opened, read or unpacked.
        """
        number = 0
        try:
            with s3_failures(self.name), self.open() as raw:
                for text in _texts(self._unpacked(raw)):
                    number += 1
                    yield text
        except gzip.BadGzipFile as error:
            raise QueryLogError(f"{self.name}: not gzip after line {number}, though its name ends in .gz") from error
        except EOFError as error:
            raise QueryLogError(f"{self.name}: truncated, its gzip stream breaks off after line {number}") from error
        except zlib.error as error:
            raise QueryLogError(f"{self.name}: damaged gzip data after line {number}: {error}") from error
        except OSError as error:
            raise QueryLogError(f"{self.name}: unreadable after line {number}: {error.strerror or error}") from error

    def _unpacked(self, raw: BinaryIO) -> BinaryIO:
        return cast("BinaryIO", gzip.GzipFile(fileobj=raw)) if self.name.endswith(".gz") else raw


def _texts(stream: BinaryIO) -> Iterator[bytes]:
    """Lines without a byte order mark; of a line past the cap only the first cap + 1 bytes."""
    text = stream.readline(MAX_LINE_BYTES + 1).removeprefix(_BYTE_ORDER_MARK)
    while text:
        rest = text
        while len(rest) > MAX_LINE_BYTES and not rest.endswith(b"\n"):
            rest = stream.readline(MAX_LINE_BYTES + 1)
        yield text
        text = stream.readline(MAX_LINE_BYTES + 1)


def event_files(location: str | Path, s3: "S3Client | None") -> list[EventFile]:
    """Every event file at the location, sorted by name; hidden files and folders are left out.

    Raises `QueryLogError` if the location does not exist or holds no event file.
    """
    if str(location).startswith(SCHEME):
        files = _s3_files(S3Address.parse(str(location)), s3)
    else:
        files = _local_files(Path(location))
    if not files:
        raise QueryLogError(f"{location} holds no event file: expected names ending in {', '.join(SUFFIXES)}")
    return files


def _local_files(path: Path) -> list[EventFile]:
    if not path.exists():
        raise QueryLogError(f"{path} does not exist: expected a file, a folder or s3://bucket/prefix")
    return [_local_file(file) for file in (_below(path) if path.is_dir() else [path])]


def _local_file(path: Path) -> EventFile:
    return EventFile(str(path), lambda: path.open("rb"))


def _below(folder: Path) -> list[Path]:
    found: list[Path] = []
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found.extend(Path(parent, name) for name in names if _is_event_file(name))
    return sorted(found)


def _is_event_file(name: str) -> bool:
    return name.endswith(SUFFIXES) and not name.startswith(".")


def _s3_files(address: S3Address, s3: "S3Client | None") -> list[EventFile]:
    if s3 is None:
        raise QueryLogError(f"{address}: no S3 client is configured")
    keys = [key for key in address.keys(s3) if key == address.prefix or _is_visible(key.removeprefix(address.key("")))]
    return [_s3_file(s3, address.bucket, key) for key in keys]


def _is_visible(name: str) -> bool:
    *folders, last = name.split("/")
    return _is_event_file(last) and not any(folder.startswith(".") for folder in folders)


def _s3_file(s3: "S3Client", bucket: str, key: str) -> EventFile:
    def open_object() -> BinaryIO:
        return io.BufferedReader(cast("io.RawIOBase", s3.get_object(Bucket=bucket, Key=key)["Body"]))

    return EventFile(f"{SCHEME}{bucket}/{key}", open_object)
