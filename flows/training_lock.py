"""The one lock under which models are made, whoever asks for one."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from flows.locks import Lock, hold
from smart_routing.settings import DeploymentSettings

LIMIT: Final = "training"
_SECONDS: Final = 1.0
"""Nobody waits for hours: who comes second is told."""


@contextmanager
def training_lock(settings: DeploymentSettings) -> Iterator[None]:
    """Hold the lock for the length of the block; raises `LockHeldError` where another training runs."""
    lock = Lock(name=LIMIT, file=settings.training_lock_file, holder="training")
    with hold(lock, seconds=_SECONDS):
        yield
