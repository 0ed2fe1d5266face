"""Ending a long search early and in order: by a signal or when its time is up."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


def deafen_children() -> None:
    """Processes started from here on hear no SIGINT and SIGTERM, nor does this one, until it is `listening`.

    Prefect starts a server of its own where none is configured. Ctrl-C goes to the whole group of processes: that
    server would be gone before the flow could tell it how it ended.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)


class Stop:
    """Asked again and again whether there is a reason to end: `SIGINT`, `SIGTERM`, or `time` after so many seconds."""

    def __init__(self, *, clock: Callable[[], float], seconds: float | None = None) -> None:
        self._clock = clock
        self._deadline = None if seconds is None else clock() + seconds
        self._signal: str | None = None

    @property
    def reason(self) -> str | None:
        late = self._deadline is not None and self._clock() >= self._deadline
        return self._signal or ("time" if late else None)

    @contextmanager
    def listening(self) -> Iterator[None]:
        """The first signal is noted, a second one does what it always does. Only the main thread hears signals."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        usual = {number: signal.getsignal(number) for number in _SIGNALS}

        def restore() -> None:
            for number, handler in usual.items():
                signal.signal(number, handler)

        def note(number: int, _: FrameType | None) -> None:
            self._signal = signal.Signals(number).name
            restore()

        for number in _SIGNALS:
            signal.signal(number, note)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        try:
            yield
        finally:
            restore()
