"""Servers started on one core and asked from another, in rounds that alternate between them."""

import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from benchmarks.http.field import Contender
from benchmarks.http.load import Answered, Load
from benchmarks.http.statements import Corpus
from benchmarks.offline.memory import tree_bytes
from infra.local.processes import LOOPBACK, running
from infra.local.servers.programs import ROOT

CLIENT_CORE: Final = "1"
WARM_UP_SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """A server that runs. `ready_seconds` are from its start to its first 200; `pid` leads all its processes."""

    contender: Contender
    port: int
    ready_seconds: float
    pid: int
    folder: Path

    def resident_bytes(self) -> int:
        """Of all its processes; pages that they share count for each."""
        return tree_bytes(self.pid)

    def ask(
        self,
        corpus: Corpus,
        *,
        seconds: float,
        connections: int = 1,
        per_second: float | None = None,
        seed: int = 0,
    ) -> Answered:
        """By a client on the other core, for so long."""
        load = Load(
            host=LOOPBACK,
            port=self.port,
            requests=str(self._requests(corpus)),
            seconds=seconds,
            connections=connections,
            per_second=per_second,
            seed=seed,
        )
        done = subprocess.run(
            ["taskset", "-c", CLIENT_CORE, sys.executable, "-m", "benchmarks.http.load"],
            input=msgspec.json.encode(load),
            stdout=subprocess.PIPE,
            cwd=ROOT,
            check=True,
        )
        return msgspec.json.decode(done.stdout, type=Answered)

    def _requests(self, corpus: Corpus) -> Path:
        file = self.folder / f"{corpus.name.replace(' ', '-')}.msgpack"
        if not file.exists():
            file.write_bytes(
                msgspec.msgpack.encode([self.contender.request(one, self.port) for one in corpus.statements])
            )
        return file


@contextmanager
def started(contender: Contender, folder: Path, warm_up: Corpus) -> Iterator[Started]:
    """The server while the block runs, ready and warm."""
    folder.mkdir(parents=True)
    server, port = contender.server(folder)
    began = time.monotonic()
    with running(server) as process:
        found = Started(
            contender=contender, port=port, ready_seconds=time.monotonic() - began, pid=process.pid, folder=folder
        )
        found.ask(warm_up, seconds=WARM_UP_SECONDS)
        yield found


@dataclass(frozen=True, slots=True)
class Round:
    """What one server answered in one round."""

    name: str
    corpus: str
    answered: Answered


def alternate(
    servers: Sequence[Started], corpora: Iterable[Corpus], *, rounds: int, seconds: float, connections: int
) -> Iterator[Round]:
    """Each server about each corpus, one after the other, round after round; progress on stderr."""
    asked = [(corpus, server) for corpus in corpora for server in servers]
    for number in range(rounds):
        for corpus, server in asked:
            name = server.contender.name
            answered = server.ask(corpus, seconds=seconds, connections=connections)
            told = f"{name}, {corpus.name}: {answered.per_second:,.0f} a second, p99 {answered.p99:.2f} ms"
            sys.stderr.write(f"http: round {number + 1} of {rounds}: {told}\n")
            yield Round(name, corpus.name, answered)
