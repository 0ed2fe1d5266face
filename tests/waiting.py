"""Waiting for what servers do in their own time."""

from collections.abc import Callable
from time import monotonic, sleep


def wait_until(holds: Callable[[], bool], *, seconds: float) -> float:
    """The seconds until `holds`; raises `TimeoutError` where that takes longer than `seconds`."""
    began = monotonic()
    while not holds():
        if monotonic() - began > seconds:
            raise TimeoutError(f"not within {seconds:g} s")
        sleep(0.05)
    return monotonic() - began
