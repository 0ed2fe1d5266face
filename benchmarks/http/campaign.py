"""What every server is asked, and in which order."""

import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from benchmarks.http.field import CACHED, ECHO, FACTS_KEPT, OURS
from benchmarks.http.load import Answered
from benchmarks.http.measure import Started, alternate
from benchmarks.http.report import ServerFigures, Tail
from benchmarks.http.statements import Corpus

CONNECTIONS: Final = 16
CROWD: Final = 135
PER_SECOND: Final = 270.0
"""What the design asks of a router at its peak, and half of that at one time."""
OTHERS_SECONDS: Final = 20.0
"""Of requests at random moments to others than ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign:
    """Servers and what to ask them; the first corpus is one fixed statement, the second the log's, `tail` a count."""

    servers: Sequence[Started]
    corpora: Sequence[Corpus]
    rounds: int
    seconds: float
    tail: int
    seed: int

    def rates(self) -> list[ServerFigures]:
        """Every server at full load, about the fixed statement and the log's."""
        found: defaultdict[str, defaultdict[str, list[Answered]]] = defaultdict(lambda: defaultdict(list))
        for one in alternate(
            self.servers, self.corpora[:2], rounds=self.rounds, seconds=self.seconds, connections=CONNECTIONS
        ):
            found[one.name][one.corpus].append(one.answered)
        return [
            ServerFigures(
                name=server.contender.name,
                model=server.contender.model,
                ready_seconds=server.ready_seconds,
                resident_bytes=server.resident_bytes(),
                rounds=found[server.contender.name],
            )
            for server in self.servers
        ]

    def tails(self) -> Iterator[Tail]:
        """Latencies of one client, rates of other statements and of the cache, a crowd, and random moments."""
        log = self.corpora[1]
        for corpus in self.corpora[1:]:
            yield self._count(OURS, corpus, connections=1)
            yield self._count(OURS, corpus, connections=CONNECTIONS)
        for name in (FACTS_KEPT, CACHED):
            yield self._count(name, log, connections=CONNECTIONS)
        yield self._count(ECHO, log, connections=1)
        yield self._count(OURS, log, connections=CROWD)
        for server in self.servers:
            name = server.contender.name
            seconds = self.tail / PER_SECOND if name == OURS else min(OTHERS_SECONDS, self.tail / PER_SECOND)
            answered = server.ask(log, seconds=seconds, per_second=PER_SECOND, seed=self.seed)
            yield _told(name, f"{log.name}, {PER_SECOND:g} a second at random", answered)

    def _count(self, name: str, corpus: Corpus, *, connections: int) -> Tail:
        """As long as `tail` requests take, by what a short try says."""
        server = next(one for one in self.servers if one.contender.name == name)
        tried = server.ask(corpus, seconds=self.seconds, connections=connections)
        answered = server.ask(corpus, seconds=1.1 * self.tail / tried.per_second, connections=connections)
        what = f"{corpus.name}, {connections} {'client' if connections == 1 else 'clients'}"
        return _told(name, what, answered)


def _told(name: str, what: str, answered: Answered) -> Tail:
    """Progress on stderr too."""
    sys.stderr.write(f"http: {name}, {what}: p99 {answered.p99:.2f} ms of {answered.count:,}\n")
    return Tail(server=name, what=what, answered=answered)
