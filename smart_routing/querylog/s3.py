"""S3 addresses, and S3's failures as query log errors."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from smart_routing.errors import QueryLogError
from smart_routing.s3_errors import client_error, core_error

if TYPE_CHECKING:
    from botocore.config import Config
    from mypy_boto3_s3 import S3Client

SCHEME: Final = "s3://"


def connect(endpoint_url: str | None, *, patience_seconds: float | None = None) -> "S3Client":
    """A client of an S3 endpoint (None: the provider's own), with credentials from boto3's usual places.

    `patience_seconds` bounds the connection and each read of one that would rather fail than try again.
    """
    import boto3  # half a second that only those who use S3 pay

    return boto3.client("s3", endpoint_url=endpoint_url, config=_impatient(patience_seconds))


def _impatient(seconds: float | None) -> "Config | None":
    if seconds is None:
        return None
    from botocore.config import Config

    return Config(connect_timeout=seconds, read_timeout=seconds, retries={"total_max_attempts": 1})


@dataclass(frozen=True, slots=True)
class S3Address:
    """`s3://bucket/prefix`; the prefix carries no slash at either end and may be empty."""

    bucket: str
    prefix: str

    @classmethod
    def parse(cls, url: str) -> Self:
        """Raises `QueryLogError` for a URL without a bucket."""
        bucket, _, prefix = url.removeprefix(SCHEME).partition("/")
        if not bucket:
            raise QueryLogError(f"{url} names no bucket: expected s3://bucket/prefix")
        return cls(bucket, prefix.strip("/"))

    def __str__(self) -> str:
        return f"{SCHEME}{self.bucket}/{self.prefix}"

    def key(self, name: str) -> str:
        """The key of an object that is called `name` below the prefix."""
        return f"{self.prefix}/{name}" if self.prefix else name

    def keys(self, s3: "S3Client") -> Iterator[str]:
        """Keys of the object or the folder this address names, in S3's (code point) order."""
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=self.prefix)
        with s3_failures(str(self)):
            for page in pages:
                yield from (entry["Key"] for entry in page.get("Contents", ()) if self._holds(entry["Key"]))

    def _holds(self, key: str) -> bool:
        return key == self.prefix or (key.startswith(self.key("")) and not key.endswith("/"))


@contextmanager
def s3_failures(url: str) -> Iterator[None]:
    """Turns what S3 refuses, or a network that fails, into a one-line `QueryLogError`."""
    try:
        yield
    except (client_error(), core_error()) as error:
        reason = " ".join(str(error).split())
        raise QueryLogError(f"{url} cannot be used: {reason}; expected a reachable bucket and valid keys") from error
