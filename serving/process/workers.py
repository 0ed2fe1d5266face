"""`Workers`: processes forked from one that has loaded the code, all on one listening socket, until a signal."""

import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import Final, NoReturn

from uvicorn.config import STARTUP_FAILURE

from serving.process.accepting import refuse_connections
from smart_routing.logs import log_event

_log = logging.getLogger(__name__)

SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)
RESTART_SECONDS: Final = 1.0
"""Between two starts of a worker that ends by itself."""


class Workers:
    """Keeps `count` processes at `work`. The process itself does nothing else, and must have one thread."""

    def __init__(self, count: int, work: Callable[[], None], *, listener: socket.socket) -> None:
        self._count = count
        self._work = work
        self._listener = listener
        self._pids: set[int] = set()
        self._stopping = False

    def run(self) -> int:
        """Until a signal, or until a worker cannot start; returns the exit code."""
        for number in SIGNALS:
            signal.signal(number, self._on_signal)
        for _ in range(self._count):
            self._fork()
        code = 0
        while self._pids:
            pid, status = os.wait()
            self._pids.discard(pid)
            code = self._ended(pid, os.waitstatus_to_exitcode(status)) or code
        return code

    def _on_signal(self, _: int, __: FrameType | None) -> None:
        self._stop()

    def _stop(self) -> None:
        self._stopping = True
        refuse_connections(self._listener)
        for pid in self._pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)

    def _ended(self, pid: int, code: int) -> int:
        """The exit code that this means for all; another worker takes the place of one that died."""
        if self._stopping:
            return 0
        log_event(_log, "worker_ended", level=logging.ERROR, worker=pid, code=code)
        if code == STARTUP_FAILURE:
            self._stop()
            return code
        time.sleep(RESTART_SECONDS)
        self._fork()
        return 0

    def _fork(self) -> None:
        """Signals wait meanwhile: one must not reach a worker that still has our handler, nor miss a new worker."""
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        if not self._stopping:
            pid = os.fork()
            if pid == 0:
                self._become_worker()
            self._pids.add(pid)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)

    def _become_worker(self) -> NoReturn:
        for number in SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        code = 1
        try:
            self._work()
            code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
        except BaseException:
            _log.exception("worker_failed")
        finally:
            sys.stderr.flush()
            os._exit(code)
