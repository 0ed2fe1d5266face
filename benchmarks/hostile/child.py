"""A process that decides fuzzed requests in the router's own application, so that its end is seen and survived."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Final

from benchmarks.hostile.asked_app import AskedApp
from benchmarks.hostile.corpus import Corpus, read_corpus, test_data_of
from benchmarks.hostile.requests import fuzzed_request
from benchmarks.hostile.trial import Trial, tried
from infra.local.environment import kept_below
from serving.app import create_app

START_SECONDS: Final = 120.0
ANSWER_SECONDS: Final = 30.0
"""A child that says nothing for so long hangs, and is killed."""


def router_variables(bundle: Path, folder: Path) -> dict[str, str]:
    """A router that serves `bundle`, keeps all below `folder`, remembers no decision, and takes its time."""
    return kept_below(folder) | {
        "SMART_ROUTING_SERVING_SOURCE": str(bundle),
        "SMART_ROUTING_SERVING_CACHE_ENTRIES": "0",
        "SMART_ROUTING_SERVING_DECISION_LOG": "",
        "SMART_ROUTING_SERVING_ADMIN_PORT": "0",
        "SMART_ROUTING_SERVING_DEADLINE_MS": "60000",
    }


@dataclass(frozen=True, slots=True)
class Death:
    """How a child ended that should not have."""

    how: str


class Child:
    """Tries the requests that it is told, one after the other."""

    def __init__(self, process: BaseProcess, connection: Connection) -> None:
        self._process = process
        self._connection = connection
        self._numbers: list[int] = []

    def order(self, numbers: list[int]) -> None:
        """To be collected by `trials`."""
        self._numbers = numbers
        self._connection.send(numbers)

    def trials(self) -> Iterator[Trial]:
        """In the order of the numbers; the last one tells of the child's death, if it died."""
        for number in self._numbers:
            found = self._receive(ANSWER_SECONDS)
            if isinstance(found, Death):
                yield Trial(number, "died", 0.0, f"the process {found.how}", is_fatal=True)
                return
            yield found

    def await_start(self) -> None:
        """Raises `RuntimeError` where it does not come up."""
        if isinstance(found := self._receive(START_SECONDS), Death):
            raise RuntimeError(f"the process that decides did not start: it {found.how}")

    def _receive(self, seconds: float) -> Trial | Death:
        if not self._connection.poll(seconds):
            return Death(f"gave no answer in {seconds:g} s")
        try:
            found: Trial = self._connection.recv()
        except EOFError:
            self._process.join()
            return Death(f"ended with code {self._process.exitcode}")
        return found


@contextmanager
def child(bundle: Path, folder: Path, *, seed: int) -> Iterator[Child]:
    """A child that is up, and gone after the block."""
    context = get_context("spawn")
    ours, its = context.Pipe()
    process = context.Process(target=_work, args=(its, bundle, folder, seed), daemon=True)
    process.start()
    its.close()
    try:
        started = Child(process, ours)
        started.await_start()
        yield started
    finally:
        process.kill()
        process.join()
        ours.close()


def _work(connection: Connection, bundle: Path, folder: Path, seed: int) -> None:
    corpus = read_corpus(test_data=test_data_of(os.environ))
    os.environ.update(router_variables(bundle, folder))
    with suppress(EOFError, BrokenPipeError), AskedApp(create_app()) as app:  # ends with who asks
        connection.send(Trial(-1, "started", 0.0))
        while True:
            _try_all(connection, app, corpus, seed=seed)


def _try_all(connection: Connection, app: AskedApp, corpus: Corpus, *, seed: int) -> None:
    for number in connection.recv():
        connection.send(tried(fuzzed_request(corpus, seed=seed, number=number), app.ask))
