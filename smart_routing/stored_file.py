"""One file that many read and few replace, always whole: at a local path, or an object on S3."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from smart_routing.errors import StoredFileError
from smart_routing.querylog.s3 import SCHEME
from smart_routing.s3_errors import checksum_error, client_error, core_error
from smart_routing.whole_file import replace_file

if TYPE_CHECKING:
    from botocore.exceptions import ClientError
    from mypy_boto3_s3 import S3Client

_READS: Final = 16
"""S3 servers other than Amazon's may mix the old and the new while an object is replaced; the checksum tells."""

_ABSENT: Final = frozenset({"NoSuchKey", "404"})


@dataclass(frozen=True, slots=True)
class StoredFile:
    """The bytes of a file, and a tag that changes when they do."""

    content: bytes
    tag: str


class WatchedFile(Protocol):
    """One file that is looked at; `str()` is its address and `what` its kind. Failures raise `StoredFileError`."""

    @property
    def what(self) -> str: ...

    def tag(self) -> str | None:
        """The tag of what is there now; None where nothing is."""
        ...

    def read(self) -> StoredFile | None: ...


class FileStore(WatchedFile, Protocol):
    """One file that may also be replaced, whoever wrote what is there."""

    def write(self, content: bytes) -> None:
        """Readers see the old content or the new, whole."""
        ...


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A file on disk; `what` it is, for messages."""

    path: Path
    what: str = "file"

    def __str__(self) -> str:
        return str(self.path)

    def tag(self) -> str | None:
        with failures(self, "read"):
            try:
                found = self.path.stat()
            except FileNotFoundError:
                return None
        return f"{found.st_ino}-{found.st_mtime_ns}-{found.st_size}"

    def read(self) -> StoredFile | None:
        tag = self.tag()
        if tag is None:
            return None
        with failures(self, "read"):
            return StoredFile(self.path.read_bytes(), tag)

    def write(self, content: bytes) -> None:
        with failures(self, "written"):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            replace_file(self.path, content)


@dataclass(frozen=True, slots=True)
class S3Object:
    """An object on S3, whose tag is its ETag; `what` it is, for messages."""

    bucket: str
    key: str
    s3: "S3Client"
    what: str = "file"

    def __str__(self) -> str:
        return f"{SCHEME}{self.bucket}/{self.key}"

    def tag(self) -> str | None:
        with failures(self, "read"):
            try:
                return self.s3.head_object(Bucket=self.bucket, Key=self.key)["ETag"]
            except client_error() as error:
                if error_code(error) in _ABSENT:
                    return None
                raise

    def read(self) -> StoredFile | None:
        with failures(self, "read"):
            for _ in range(_READS - 1):
                with suppress(checksum_error()):
                    return self._get()
            return self._get()

    def write(self, content: bytes) -> None:
        with failures(self, "written"):
            self.s3.put_object(Bucket=self.bucket, Key=self.key, Body=content)

    def _get(self) -> StoredFile | None:
        try:
            found = self.s3.get_object(Bucket=self.bucket, Key=self.key)
        except client_error() as error:
            if error_code(error) in _ABSENT:
                return None
            raise
        return StoredFile(found["Body"].read(), found["ETag"])


@dataclass(frozen=True, slots=True)
class S3Address:
    """A bucket and a key in it."""

    bucket: str
    key: str


def parse_address(url: str, what: str) -> Path | S3Address:
    """A path, or what s3://bucket/key names; raises `StoredFileError` that names `what` it is the address of."""
    if not url.startswith(SCHEME):
        if "://" in url:
            raise StoredFileError(f"{what} {url}: expected a path or s3://bucket/key")
        return Path(url)
    bucket, _, key = url.removeprefix(SCHEME).partition("/")
    if not bucket or not key or key.endswith("/"):
        raise StoredFileError(f"{what} {url} names no object: expected s3://bucket/key")
    return S3Address(bucket, key)


def open_file(url: str, connect_s3: Callable[[], "S3Client"], *, what: str) -> FileStore:
    """The file at a path or at s3://bucket/key, for which a client is made; raises `StoredFileError`."""
    found = parse_address(url, what)
    return LocalFile(found, what) if isinstance(found, Path) else S3Object(found.bucket, found.key, connect_s3(), what)


def error_code(error: "ClientError") -> str | None:
    """What S3 calls the failure."""
    return error.response.get("Error", {}).get("Code")


@contextmanager
def failures(file: WatchedFile, done: str) -> Iterator[None]:
    """What a disk or S3 raises, as one line that says which file cannot be `done`: read, written, ..."""
    try:
        yield
    except OSError as error:
        raise StoredFileError(f"{file.what} {file} cannot be {done}: {error.strerror}") from error
    except (core_error(), client_error()) as error:
        raise StoredFileError(f"{file.what} {file} cannot be {done}: {' '.join(str(error).split())}") from error
