"""`Workers`: processes forked from one that has loaded the code, all on one listening socket, until a signal."""

import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from types import FrameType
from typing import Final, NoReturn

from uvicorn.config import STARTUP_FAILURE

from serving.process.accepting import refuse_connections
from serving.process.pulse import LOOK_SECONDS, Pulses
from smart_routing.errors import InputError, SmartRoutingError
from smart_routing.logs import log_event

_log = logging.getLogger(__name__)

Beat = Callable[[], None]

SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)
RESTART_SECONDS: Final = 1.0
"""Between two starts of a worker that ends by itself."""

END_SECONDS: Final = 10.0
"""Beyond the drain, for a worker that was told to end: requests whose body never comes, and looks under way."""


class Workers:
    """Keeps `count` processes at `work`. The process itself does nothing else, and must have one thread.

    A worker whose event loop stands still, or that outlives its end, is killed: it may hear no signal either.
    """

    def __init__(
        self, count: int, work: Callable[[Beat], None], *, listener: socket.socket, drain_seconds: float
    ) -> None:
        """`work` is handed what its event loop is to call again and again."""
        self._count = count
        self._work = work
        self._listener = listener
        self._end_looks = (drain_seconds + END_SECONDS) / LOOK_SECONDS
        self._pulses = Pulses(count)
        self._workers: dict[int, int] = {}
        self._stopping = False

    def run(self) -> int:
        """Until a signal, or until a worker cannot start while none serves; returns the exit code."""
        for number in SIGNALS:
            signal.signal(number, self._on_signal)
        for worker in range(self._count):
            self._fork(worker)
        code = 0
        while self._workers:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid:
                code = self._ended(pid, os.waitstatus_to_exitcode(status)) or code
            else:
                self._look()
                time.sleep(LOOK_SECONDS)
        return code

    def _look(self) -> None:
        if self._stopping:
            self._end_looks -= 1
        for pid, worker in self._workers.items():
            is_lost = self._end_looks < 0 if self._stopping else self._pulses.is_stuck(worker)
            if is_lost:
                log_event(_log, "worker_stuck", level=logging.ERROR, worker=pid)
                self._pulses.begin(worker)
                os.kill(pid, signal.SIGKILL)

    def _on_signal(self, _: int, __: FrameType | None) -> None:
        self._stop()

    def _stop(self) -> None:
        self._stopping = True
        refuse_connections(self._listener)
        for pid in self._workers:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)

    def _ended(self, pid: int, code: int) -> int:
        """The exit code that this means for all; another process takes the place of one that died."""
        worker = self._workers.pop(pid)
        self._pulses.begin(worker)
        if self._stopping:
            return 0
        log_event(_log, "worker_ended", level=logging.ERROR, worker=pid, code=code)
        if code in (STARTUP_FAILURE, InputError.exit_code) and not self._pulses.any_begun:
            self._stop()
            return code
        time.sleep(RESTART_SECONDS)
        self._fork(worker)
        return 0

    def _fork(self, worker: int) -> None:
        """Signals wait meanwhile: one must not reach a worker that still has our handler, nor miss a new worker."""
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        if not self._stopping:
            pid = os.fork()
            if pid == 0:
                self._become(worker)
            self._workers[pid] = worker
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)

    def _become(self, worker: int) -> NoReturn:
        for number in SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        code = 1
        try:
            self._work(partial(self._pulses.beat, worker))
            code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
        except SmartRoutingError as error:
            sys.stderr.write(f"{error}\n")
            code = error.exit_code
        except BaseException:
            _log.exception("worker_failed")
        finally:
            sys.stderr.flush()
            os._exit(code)
