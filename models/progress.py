"""Progress of long work: a line that counts up on a terminal, a log line now and then where there is none."""

import logging
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Final, TextIO, TypeVar

Item = TypeVar("Item")

SECONDS_BETWEEN_LINES: Final = 15.0
_SECONDS_BETWEEN_COUNTS: Final = 0.5

PROGRESS_LOG: Final = __name__
"""Its logger; a flow's log has it too (`[tool.prefect]` in pyproject.toml)."""

_log = logging.getLogger(PROGRESS_LOG)


class Progress:
    """Tells how much of `total` is done, as often as a reader can use it; work that is done sooner says nothing."""

    def __init__(
        self, what: str, total: int, *, stream: TextIO | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._what, self._total = what, total
        self._stream, self._clock = stream or sys.stderr, clock
        self._live = self._stream.isatty()
        self._every = _SECONDS_BETWEEN_COUNTS if self._live else SECONDS_BETWEEN_LINES
        self._told = clock()
        self._counting = False

    def reached(self, done: int) -> None:
        """Say so, unless something was said just now."""
        now = self._clock()
        if now - self._told < self._every:
            return
        self._told = now
        line = f"{self._what}: {done:,} of {self._total:,}"
        if self._live:
            self._stream.write(f"\r{line}")
            self._stream.flush()
            self._counting = True
        else:
            _log.info(line)

    def end(self) -> None:
        """Leave the terminal's line free for others."""
        if self._counting:
            self._stream.write("\r\x1b[K")
            self._stream.flush()


def counted(
    items: Iterable[Item], what: str, *, total: int, each: Callable[[Item], int] | None = None
) -> Iterator[Item]:
    """The items as they are, with progress; `each` says how much of `total` one is (1)."""
    progress, done = Progress(what, total), 0
    for item in items:
        yield item
        done += each(item) if each else 1
        progress.reached(done)
    progress.end()
