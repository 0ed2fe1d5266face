"""`IdleCollection`: cycles are looked for when nobody asks; reference counts free memory while a worker decides."""

import gc
from collections.abc import Callable
from typing import Final

LOOK_SECONDS: Final = 1.0
"""A worker that decided nothing for so long is idle."""
MOST_YOUNG: Final = 200_000
"""Objects made since the last collection that are waited for: beyond them a collection of only those, some 10 ms, comes
before the memory of a worker that is never idle."""


class IdleCollection:
    """Takes Python's collector over from `start` to `stop`; `asked` tells how many decisions were asked for so far.

    Left to itself the collector would stop the process, for tens of milliseconds, whenever objects have piled up, and
    go through models and modules again and again. Decisions leave no cycles behind (`Tree.take_apart`), but for those
    of statements that the parser gives up halfway.
    """

    def __init__(self, asked: Callable[[], int]) -> None:
        self._asked = asked
        self._seen = self._collected = asked()

    def start(self) -> None:
        """All that is there now stays: it is never looked at again."""
        gc.collect()
        gc.freeze()
        gc.disable()

    def stop(self) -> None:
        gc.enable()
        gc.unfreeze()

    def step(self) -> float:
        """Collect where it hurts nobody, or must be; returns the seconds until the next look."""
        asked = self._asked()
        is_idle, self._seen = asked == self._seen, asked
        if is_idle and asked != self._collected:
            self._collected = asked
            gc.collect()
        elif gc.get_count()[0] > MOST_YOUNG:
            gc.collect(0)
        return LOOK_SECONDS
