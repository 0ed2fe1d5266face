"""`Pulses`: whether the event loops of other processes still turn."""

from mmap import mmap
from typing import Final

LOOK_SECONDS: Final = 0.1
"""Between two looks, and about as long as uvicorn's loop takes between two beats."""

STUCK_LOOKS: Final = 50
"""Looks without a beat between them. Counted, not timed: processes that were all frozen together are not stuck."""


class Pulses:
    """A byte of shared memory for each worker, which it changes while its event loop turns; made before the fork."""

    def __init__(self, count: int) -> None:
        self._bytes = mmap(-1, count)
        self._seen = [0] * count
        self._looks = [0] * count

    @property
    def any_begun(self) -> bool:
        """Whether a worker serves, or did until a moment ago."""
        return any(self._bytes[:])

    def beat(self, worker: int) -> None:
        """In the worker's process."""
        self._bytes[worker] = self._bytes[worker] % 255 + 1

    def begin(self, worker: int) -> None:
        """There is another process in the worker's place, which may take its time until its first beat."""
        self._bytes[worker] = 0

    def is_stuck(self, worker: int) -> bool:
        """One look, of those each `LOOK_SECONDS`."""
        found = self._bytes[worker]
        self._looks[worker] = self._looks[worker] + 1 if found and found == self._seen[worker] else 0
        self._seen[worker] = found
        return self._looks[worker] >= STUCK_LOOKS
