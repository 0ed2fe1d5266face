"""One order at a time: who brings a stack up or down holds its folder, and a signal ends that as Ctrl-C does."""

import fcntl
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


class BusyError(Exception):
    """Another process brings the stack up or down."""


@contextmanager
def alone(folder: Path, *, waiting: Callable[[], None] | None = None) -> Iterator[None]:
    """Holds the folder, which is made where it is missing, until the block or this process ends.

    Where another process holds it: waits after a call of `waiting`, or else raises `BusyError`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder, os.O_RDONLY)
    try:
        _hold(handle, folder, waiting=waiting)
        yield
    finally:
        os.close(handle)


def _hold(handle: int, folder: Path, *, waiting: Callable[[], None] | None) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        if waiting is None:
            raise BusyError(
                f"another process brings the stack in {folder} up or down: wait until it is done"
            ) from error
        waiting()
        fcntl.flock(handle, fcntl.LOCK_EX)


def interrupt_on(*signals: signal.Signals) -> None:
    """Makes these signals raise `KeyboardInterrupt`, but for those that whoever started this process has set aside."""
    for number in signals:
        if signal.getsignal(number) == signal.SIG_DFL:
            signal.signal(number, signal.default_int_handler)
