"""The one lock under which promote, rollback and reconcile run."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from flows.locks import Lock, hold
from smart_routing.settings import DeploymentSettings

LIMIT: Final = "deployment"


@contextmanager
def deployment_lock(settings: DeploymentSettings) -> Iterator[None]:
    """Hold the lock for the length of the block; raises `LockHeldError` when it is not free in `lock_seconds`."""
    lock = Lock(name=LIMIT, file=settings.lock_file, holder="promote, rollback or reconcile")
    with hold(lock, seconds=settings.lock_seconds):
        yield
