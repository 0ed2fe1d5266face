"""Where a policy file lies: a local path or an object on S3, read whole and replaced only by who knows what it says."""

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from shutil import copymode
from typing import IO, TYPE_CHECKING, Final, Protocol

import msgspec

from smart_routing.s3_errors import client_error
from smart_routing.stored_file import LocalFile, S3Object, StoredFile, WatchedFile, error_code, failures, parse_address
from smart_routing.whole_file import replace_file

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_WHAT: Final = "policy file"
_CHANGED: Final = frozenset({"PreconditionFailed", "412", "ConditionalRequestConflict", "409", "NoSuchKey", "404"})


class PolicyOrder(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the history: who changed what, when and why."""

    time: datetime
    by: str
    reason: str | None
    revision: int
    changes: tuple[str, ...]


class PolicyStore(WatchedFile, Protocol):
    """One policy file and the history beside it."""

    def replace(self, content: bytes, *, was: StoredFile | None, order: PolicyOrder) -> bool:
        """Put `content` in the place of `was` and `order` into the history.

        False, and nothing is changed, where `was` is not what is there. Readers see the old content or the new, whole.
        """
        ...

    def set_aside(self, stored: StoredFile, *, now: datetime) -> None:
        """Keep a copy, whose name tells the time, of what is to be replaced without having been understood."""
        ...


@dataclass(frozen=True, slots=True)
class LocalPolicy(LocalFile):
    """A policy file on disk; its history is a JSON Lines file whose lock makes orders wait for each other."""

    what: str = _WHAT

    @property
    def history(self) -> Path:
        return self.path.with_name(f"{self.path.name}.history.jsonl")

    def replace(self, content: bytes, *, was: StoredFile | None, order: PolicyOrder) -> bool:
        with failures(self, "written"), self._locked_history() as history:
            found = self.read()
            if (found and found.content) != (was and was.content):
                return False
            replace_file(self.path, content)
            history.write(msgspec.json.encode(order) + b"\n")
        return True

    def set_aside(self, stored: StoredFile, *, now: datetime) -> None:
        aside = self.path.with_name(f"{self.path.name}.unusable-{_stamp(now)}")
        with failures(self, f"kept as {aside.name}"):
            replace_file(aside, stored.content)
            copymode(self.path, aside)

    @contextmanager
    def _locked_history(self) -> Iterator[IO[bytes]]:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.history.open("ab") as file:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX)
            yield file


@dataclass(frozen=True, slots=True)
class S3Policy(S3Object):
    """A policy file on S3; its history is an object an order below `<key>.history/`."""

    what: str = _WHAT

    def replace(self, content: bytes, *, was: StoredFile | None, order: PolicyOrder) -> bool:
        put = partial(self.s3.put_object, Bucket=self.bucket, Key=self.key, Body=content)
        with failures(self, "written"):
            try:
                put(IfMatch=was.tag) if was else put(IfNoneMatch="*")
            except client_error() as error:
                if error_code(error) in _CHANGED:
                    return False
                raise
        self._record(order)
        return True

    def set_aside(self, stored: StoredFile, *, now: datetime) -> None:
        key = f"{self.key}.history/{_stamp(now)}-unusable"
        with failures(self, f"kept as {key}"):
            self.s3.put_object(Bucket=self.bucket, Key=key, Body=stored.content)

    def _record(self, order: PolicyOrder) -> None:
        key = f"{self.key}.history/{_stamp(order.time)}-{order.revision:06}.json"
        with failures(self, f"recorded in its history (revision {order.revision} is in force all the same)"):
            self.s3.put_object(Bucket=self.bucket, Key=key, Body=msgspec.json.encode(order))


def open_policy(url: str, connect_s3: Callable[[], "S3Client"]) -> PolicyStore:
    """The policy file at a path or at s3://bucket/key, for which a client is made; raises `SettingsError`."""
    found = parse_address(url, _WHAT)
    return LocalPolicy(found) if isinstance(found, Path) else S3Policy(found.bucket, found.key, connect_s3())


def _stamp(moment: datetime) -> str:
    return f"{moment:%Y%m%dT%H%M%S.%fZ}"
