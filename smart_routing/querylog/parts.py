"""Where a store's part files lie: a local folder or an S3 prefix, each part seen whole or not at all."""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Protocol

from smart_routing.errors import QueryLogError
from smart_routing.querylog.s3 import SCHEME, S3Address, s3_failures

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class Parts(Protocol):
    """Files called `day=YYYY-MM-DD/part-<hash>.parquet`. Failures raise `QueryLogError`."""

    def names(self) -> list[str]:
        """Every part, sorted; none if the place does not exist yet."""
        ...

    def content(self, name: str) -> bytes: ...

    def staging(self) -> AbstractContextManager[Path]:
        """A local folder for parts that are not published yet; gone with all it holds when the context ends."""
        ...

    def publish(self, staged: Path, name: str) -> None:
        """Makes a staged file visible in one step; a part of that name is replaced (its content is the same)."""
        ...

    def remove(self, name: str) -> None:
        """A part that is gone already is fine."""
        ...


@dataclass(frozen=True, slots=True)
class LocalParts:
    """Parts in a folder; staged beside it, so that publishing is a rename."""

    root: Path

    def names(self) -> list[str]:
        with self._failures():
            return sorted(path.relative_to(self.root).as_posix() for path in self.root.glob("day=*/part-*.parquet"))

    def content(self, name: str) -> bytes:
        with self._failures():
            return (self.root / name).read_bytes()

    @contextmanager
    def staging(self) -> Iterator[Path]:
        with self._failures():
            self.root.mkdir(parents=True, exist_ok=True)
            folder = TemporaryDirectory(prefix=".incoming-", dir=self.root)
        with folder as name:
            yield Path(name)

    def publish(self, staged: Path, name: str) -> None:
        target = self.root / name
        with self._failures():
            target.parent.mkdir(exist_ok=True)
            _sync(staged)
            staged.replace(target)
            _sync(target.parent)

    def remove(self, name: str) -> None:
        """The day's folder stays: an append may be about to publish there."""
        with self._failures():
            (self.root / name).unlink(missing_ok=True)

    @contextmanager
    def _failures(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise QueryLogError(f"query log {self.root}: {error}; expected a folder that can be used") from error


@dataclass(frozen=True, slots=True)
class S3Parts:
    """Parts below an S3 prefix; published by a single PUT."""

    address: S3Address
    s3: "S3Client"

    def names(self) -> list[str]:
        start = self.address.key("")
        names = (key.removeprefix(start) for key in self.address.keys(self.s3))
        return sorted(name for name in names if Path(name).match("day=*/part-*.parquet"))

    def content(self, name: str) -> bytes:
        with s3_failures(f"{self.address}/{name}"):
            return self.s3.get_object(Bucket=self.address.bucket, Key=self.address.key(name))["Body"].read()

    @contextmanager
    def staging(self) -> Iterator[Path]:
        with TemporaryDirectory(prefix="query-log-") as name:
            yield Path(name)

    def publish(self, staged: Path, name: str) -> None:
        with staged.open("rb") as body, s3_failures(f"{self.address}/{name}"):
            self.s3.put_object(Bucket=self.address.bucket, Key=self.address.key(name), Body=body)

    def remove(self, name: str) -> None:
        with s3_failures(f"{self.address}/{name}"):
            self.s3.delete_object(Bucket=self.address.bucket, Key=self.address.key(name))


def open_parts(url: str, s3: "S3Client | None") -> Parts:
    """The parts at a folder path or at `s3://bucket/prefix`, which needs a client."""
    if url.startswith(SCHEME):
        if s3 is None:
            raise QueryLogError(f"{url}: no S3 client is configured")
        return S3Parts(S3Address.parse(url), s3)
    if "://" in url:
        raise QueryLogError(f"{url}: expected a folder, s3://bucket/prefix or postgresql://user@host/database")
    return LocalParts(Path(url))


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
