"""Where a policy file lies: a local path or an object on S3, read whole and replaced only by who knows what it says."""

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from shutil import copymode
from typing import IO, TYPE_CHECKING, Final, Protocol

import msgspec
from botocore.exceptions import BotoCoreError, ClientError, FlexibleChecksumError

from smart_routing.errors import SettingsError
from smart_routing.querylog.s3 import SCHEME
from smart_routing.whole_file import replace_file

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_READS: Final = 16
"""S3 servers other than Amazon's may mix the old and the new while an object is replaced; the checksum tells."""

_ABSENT: Final = frozenset({"NoSuchKey", "404"})
_CHANGED: Final = frozenset({"PreconditionFailed", "412", "ConditionalRequestConflict", "409", "NoSuchKey", "404"})


class PolicyOrder(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the history: who changed what, when and why."""

    time: datetime
    by: str
    reason: str | None
    revision: int
    changes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StoredPolicy:
    """The bytes of a policy file, and a tag that changes when they do."""

    content: bytes
    tag: str


class PolicyStore(Protocol):
    """One policy file and the history beside it; `str()` is its address. Failures raise `SettingsError`."""

    def tag(self) -> str | None:
        """The tag of what is there now; None where nothing is."""
        ...

    def read(self) -> StoredPolicy | None: ...

    def replace(self, content: bytes, *, was: StoredPolicy | None, order: PolicyOrder) -> bool:
        """Put `content` in the place of `was` and `order` into the history.

        False, and nothing is changed, where `was` is not what is there. Readers see the old content or the new, whole.
        """
        ...

    def set_aside(self, stored: StoredPolicy, *, now: datetime) -> None:
        """Keep a copy, whose name tells the time, of what is to be replaced without having been understood."""
        ...


@dataclass(frozen=True, slots=True)
class LocalPolicy:
    """A policy file on disk; its history is a JSON Lines file whose lock makes orders wait for each other."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)

    @property
    def history(self) -> Path:
        return self.path.with_name(f"{self.path.name}.history.jsonl")

    def tag(self) -> str | None:
        with _failures(self, "read"):
            try:
                found = self.path.stat()
            except FileNotFoundError:
                return None
        return f"{found.st_ino}-{found.st_mtime_ns}-{found.st_size}"

    def read(self) -> StoredPolicy | None:
        tag = self.tag()
        if tag is None:
            return None
        with _failures(self, "read"):
            return StoredPolicy(self.path.read_bytes(), tag)

    def replace(self, content: bytes, *, was: StoredPolicy | None, order: PolicyOrder) -> bool:
        with _failures(self, "written"), self._locked_history() as history:
            found = self.read()
            if (found and found.content) != (was and was.content):
                return False
            replace_file(self.path, content)
            history.write(msgspec.json.encode(order) + b"\n")
        return True

    def set_aside(self, stored: StoredPolicy, *, now: datetime) -> None:
        aside = self.path.with_name(f"{self.path.name}.unusable-{_stamp(now)}")
        with _failures(self, f"kept as {aside.name}"):
            replace_file(aside, stored.content)
            copymode(self.path, aside)

    @contextmanager
    def _locked_history(self) -> Iterator[IO[bytes]]:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.history.open("ab") as file:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX)
            yield file


@dataclass(frozen=True, slots=True)
class S3Policy:
    """A policy file on S3, whose tag is its ETag; its history is an object an order below `<key>.history/`."""

    bucket: str
    key: str
    s3: "S3Client"

    def __str__(self) -> str:
        return f"{SCHEME}{self.bucket}/{self.key}"

    def tag(self) -> str | None:
        with _failures(self, "read"):
            try:
                return self.s3.head_object(Bucket=self.bucket, Key=self.key)["ETag"]
            except ClientError as error:
                if _code(error) in _ABSENT:
                    return None
                raise

    def read(self) -> StoredPolicy | None:
        with _failures(self, "read"):
            for _ in range(_READS - 1):
                with suppress(FlexibleChecksumError):
                    return self._get()
            return self._get()

    def replace(self, content: bytes, *, was: StoredPolicy | None, order: PolicyOrder) -> bool:
        put = partial(self.s3.put_object, Bucket=self.bucket, Key=self.key, Body=content)
        with _failures(self, "written"):
            try:
                put(IfMatch=was.tag) if was else put(IfNoneMatch="*")
            except ClientError as error:
                if _code(error) in _CHANGED:
                    return False
                raise
        self._record(order)
        return True

    def set_aside(self, stored: StoredPolicy, *, now: datetime) -> None:
        key = f"{self.key}.history/{_stamp(now)}-unusable"
        with _failures(self, f"kept as {key}"):
            self.s3.put_object(Bucket=self.bucket, Key=key, Body=stored.content)

    def _get(self) -> StoredPolicy | None:
        try:
            found = self.s3.get_object(Bucket=self.bucket, Key=self.key)
        except ClientError as error:
            if _code(error) in _ABSENT:
                return None
            raise
        return StoredPolicy(found["Body"].read(), found["ETag"])

    def _record(self, order: PolicyOrder) -> None:
        key = f"{self.key}.history/{_stamp(order.time)}-{order.revision:06}.json"
        with _failures(self, f"recorded in its history (revision {order.revision} is in force all the same)"):
            self.s3.put_object(Bucket=self.bucket, Key=key, Body=msgspec.json.encode(order))


def open_policy(url: str, connect_s3: Callable[[], "S3Client"]) -> PolicyStore:
    """The policy file at a path or at s3://bucket/key, for which a client is made; raises `SettingsError`."""
    if not url.startswith(SCHEME):
        if "://" in url:
            raise SettingsError(f"policy file {url}: expected a path or s3://bucket/key")
        return LocalPolicy(Path(url))
    bucket, _, key = url.removeprefix(SCHEME).partition("/")
    if not bucket or not key or key.endswith("/"):
        raise SettingsError(f"policy file {url} names no object: expected s3://bucket/key")
    return S3Policy(bucket, key, connect_s3())


def _stamp(moment: datetime) -> str:
    return f"{moment:%Y%m%dT%H%M%S.%fZ}"


def _code(error: ClientError) -> str | None:
    return error.response.get("Error", {}).get("Code")


@contextmanager
def _failures(store: PolicyStore, what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise SettingsError(f"policy file {store} cannot be {what}: {error.strerror}") from error
    except (BotoCoreError, ClientError) as error:
        raise SettingsError(f"policy file {store} cannot be {what}: {' '.join(str(error).split())}") from error
