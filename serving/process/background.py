"""`Background`: a step that is repeated in a thread of its own until the process ends."""

import logging
import threading
from collections.abc import Callable
from typing import Final

from smart_routing.logs import log_event, place_of, reason_of

_log = logging.getLogger(__name__)

STOP_SECONDS: Final = 15.0
AFTER_FAILURE_SECONDS: Final = 1.0


class Background:
    """Calls `step` again and again, after the seconds that it returns; one that fails is logged and repeated."""

    def __init__(
        self,
        name: str,
        step: Callable[[], float],
        *,
        first_delay: float = 0.0,
        after_failure: float = AFTER_FAILURE_SECONDS,
        stop_seconds: float = STOP_SECONDS,
    ) -> None:
        """`stop_seconds`: how long the end waits for a step under way, which it then leaves behind."""
        self._name = name
        self._step = step
        self._first_delay = first_delay
        self._after_failure = after_failure
        self._stop_seconds = stop_seconds
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End after the step under way; waits for it, but not for ever."""
        self._stopping.set()
        self._thread.join(self._stop_seconds)

    def _run(self) -> None:
        delay = self._first_delay
        while not self._stopping.wait(delay):
            delay = self._next()

    def _next(self) -> float:
        try:
            return self._step()
        except Exception as error:  # a thread that dies unseen would freeze models and policy for good
            self._report(error)
            return self._after_failure

    def _report(self, error: Exception) -> None:
        log_event(
            _log,
            "background_step_failed",
            level=logging.ERROR,
            step=self._name,
            reason=reason_of(error),
            where=place_of(error),
        )
