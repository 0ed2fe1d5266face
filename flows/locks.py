"""Locks that hold across processes: of Prefect where its API is configured, else a file's."""

import fcntl
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from prefect.client.orchestration import get_client
from prefect.concurrency.asyncio import AcquireConcurrencySlotTimeoutError
from prefect.concurrency.sync import concurrency
from prefect.exceptions import ObjectAlreadyExists
from prefect.settings import PREFECT_API_URL

from smart_routing.errors import LockHeldError

_POLL_SECONDS: Final = 0.1
_TRIES: Final = 10
"""Of a lock of Prefect that nobody holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """A lock by its name at Prefect and its file without; `holder` is what may hold it, for people."""

    name: str
    file: Path
    holder: str


@contextmanager
def hold(lock: Lock, *, seconds: float) -> Iterator[None]:
    """Hold the lock for the length of the block; raises `LockHeldError` when it is not free in `seconds`.

    With a Prefect API it is a global concurrency limit of 1, whose lease ends if the holder dies; without one, a file
    lock, which the operating system ends.
    """
    if PREFECT_API_URL.value():
        with _prefect_lock(lock, seconds):
            yield
    else:
        with _file_lock(lock, seconds):
            yield


@contextmanager
def _prefect_lock(lock: Lock, seconds: float) -> Iterator[None]:
    with get_client(sync_client=True) as client, suppress(ObjectAlreadyExists):  # another process may create it too
        client.upsert_global_concurrency_limit_by_name(lock.name, 1)
    with ExitStack() as stack:
        for tries_left in reversed(range(_TRIES)):
            try:
                stack.enter_context(concurrency(lock.name, occupy=1, timeout_seconds=seconds, strict=True))
                break
            except AcquireConcurrencySlotTimeoutError as error:
                if not tries_left or _is_held(lock):
                    raise _still_held(lock, f"Prefect concurrency limit {lock.name!r}", seconds) from error
        yield


def _is_held(lock: Lock) -> bool:
    """Whether anybody has it: the time to wait also passes while a busy server only thinks."""
    with get_client(sync_client=True) as client:
        return client.read_global_concurrency_limit_by_name(lock.name).active_slots > 0


@contextmanager
def _file_lock(lock: Lock, seconds: float) -> Iterator[None]:
    lock.file.parent.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + seconds
    with lock.file.open("a") as handle:
        while not _locked(handle.fileno()):
            if time.monotonic() >= deadline:
                raise _still_held(lock, str(lock.file), seconds)
            time.sleep(_POLL_SECONDS)
        yield


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _still_held(lock: Lock, place: str, seconds: float) -> LockHeldError:
    return LockHeldError(
        f"{lock.name} lock ({place}) is still held after {seconds:g} s: expected the {lock.holder} that runs to end"
    )
