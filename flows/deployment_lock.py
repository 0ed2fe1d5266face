"""The one lock under which promote, rollback and reconcile run."""

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from prefect.client.orchestration import get_client
from prefect.concurrency.asyncio import AcquireConcurrencySlotTimeoutError
from prefect.concurrency.sync import concurrency
from prefect.exceptions import ObjectAlreadyExists
from prefect.settings import PREFECT_API_URL

from smart_routing.errors import RegistryError
from smart_routing.settings import DeploymentSettings

LIMIT: Final = "deployment"
_POLL_SECONDS: Final = 0.1


@contextmanager
def deployment_lock(settings: DeploymentSettings) -> Iterator[None]:
    """Hold the lock for the length of the block; raises `RegistryError` when it is not free in `lock_seconds`.

    With a Prefect API it is the global concurrency limit `deployment` of 1, whose lease ends if the holder dies;
    without one, a file lock, which the operating system ends.
    """
    if PREFECT_API_URL.value():
        with _prefect_lock(settings.lock_seconds):
            yield
    else:
        with _file_lock(settings.lock_file, settings.lock_seconds):
            yield


@contextmanager
def _prefect_lock(seconds: float) -> Iterator[None]:
    with get_client(sync_client=True) as client, suppress(ObjectAlreadyExists):  # another process may create it too
        client.upsert_global_concurrency_limit_by_name(LIMIT, 1)
    try:
        with concurrency(LIMIT, occupy=1, timeout_seconds=seconds, strict=True):
            yield
    except AcquireConcurrencySlotTimeoutError as error:
        raise _still_held(f"Prefect concurrency limit {LIMIT!r}", seconds) from error


@contextmanager
def _file_lock(file: Path, seconds: float) -> Iterator[None]:
    file.parent.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + seconds
    with file.open("a") as handle:
        while not _locked(handle.fileno()):
            if time.monotonic() >= deadline:
                raise _still_held(str(file), seconds)
            time.sleep(_POLL_SECONDS)
        yield


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _still_held(lock: str, seconds: float) -> RegistryError:
    return RegistryError(
        f"deployment lock ({lock}) is still held after {seconds:g} s: expected the promote, rollback or reconcile "
        "that runs to end"
    )
