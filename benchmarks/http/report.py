"""What the benchmark found: a JSON file with everything, and a section of docs/performance.md."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median
from typing import Any, Final

import msgspec

from benchmarks.http.load import Answered

TEXT: Final = """## Hot path

POST /v1/route of the router, with all that it does live (policy chain, history, metrics, decision log), beside what
people would use in its place. Written by `make bench` on {made_at:%Y-%m-%d}, whatever it says.

### At full load

{connections} clients that ask as soon as they are answered; medians of {rounds} alternating rounds, p50 and p99 in ms.
"Ours is" is the router without its caches over that server, round by round: the median, and the least and largest.
"Facts kept" has what the texts say from before, as after a swap of model or history; "decisions kept" is a warm cache.

{rates}

### Latency and tails

{tails}

### Start and memory

{starts}

- **Field**: servers share one core, the client has another; one worker each, no batching, access logs off where there
  is a switch. The text model is TF-IDF of words and pairs with 200 trees: no parse, no history, no policy. Of ours a
  rival carries features and trees, without history, policy, metrics and log. The echo answers two bytes.
- **Statements**: {lengths}. Order and moments by seed {seed}.
- **Memory** is resident, all processes of a server after the rounds; pages that they share count for each.
- **Machine**: {machine}.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerFigures:
    """One server: its start, its memory at the end, and its answers of each round by corpus."""

    name: str
    model: str
    ready_seconds: float
    resident_bytes: int
    rounds: Mapping[str, Sequence[Answered]]

    def as_json(self) -> dict[str, Any]:
        document: dict[str, Any] = msgspec.to_builtins(self)
        return document


@dataclass(frozen=True, slots=True, kw_only=True)
class Tail:
    """One load that one server was under."""

    server: str
    what: str
    answered: Answered


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpResults:
    """A run of the benchmark, and its conditions; the first server is the one that the others are compared with."""

    made_at: datetime
    machine: str
    seed: int
    connections: int
    lengths: tuple[str, ...]
    servers: tuple[ServerFigures, ...]
    tails: tuple[Tail, ...]

    def as_json(self) -> dict[str, Any]:
        document: dict[str, Any] = msgspec.to_builtins(self)
        return document

    def __str__(self) -> str:
        return section(self)


def section(results: HttpResults) -> str:
    """The section of docs/performance.md."""
    first = results.servers[0]
    return TEXT.format(
        made_at=results.made_at,
        connections=results.connections,
        rounds=max(len(rounds) for rounds in first.rounds.values()),
        rates="\n\n".join(_rates(results, corpus) for corpus in first.rounds),
        tails="\n".join(_tails(results.tails)),
        starts="\n".join(_starts(results.servers)),
        lengths="; ".join(results.lengths),
        seed=results.seed,
        machine=results.machine,
    )


def _rates(results: HttpResults, corpus: str) -> str:
    lines = [
        f"| {corpus} | model | a second | p50 | p99 | ours is | failed |",
        "|---|---|---|---|---|---|---|",
        *(_rate(results.servers[0], server, corpus) for server in results.servers if corpus in server.rounds),
    ]
    return "\n".join(lines)


def _rate(first: ServerFigures, server: ServerFigures, corpus: str) -> str:
    rounds = server.rounds[corpus]
    per_second = median(one.per_second for one in rounds)
    p50, p99 = median(one.p50 for one in rounds), median(one.p99 for one in rounds)
    ratios = [ours.per_second / one.per_second for ours, one in zip(first.rounds[corpus], rounds, strict=True)]
    told = "" if server is first else f"{median(ratios):.2f}x ({min(ratios):.2f} to {max(ratios):.2f})"
    failed = sum(one.failed for one in rounds)
    return f"| {server.name} | {server.model} | {per_second:,.0f} | {p50:.2f} | {p99:.2f} | {told} | {failed} |"


def _tails(tails: Sequence[Tail]) -> Iterator[str]:
    yield "| server | load | a second | p50 | p99 | p99.9 | largest | requests | failed |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for tail in tails:
        found = tail.answered
        times = f"{found.p50:.2f} | {found.p99:.2f} | {found.p999:.2f} | {found.largest:.1f}"
        told = f"{found.per_second:,.0f} | {times} | {found.count:,} | {found.failed}"
        yield f"| {tail.server} | {tail.what} | {told} |"


def _starts(servers: Sequence[ServerFigures]) -> Iterator[str]:
    yield "| server | model | start to ready | memory |"
    yield "|---|---|---|---|"
    for server in servers:
        memory = server.resident_bytes / 2**20
        yield f"| {server.name} | {server.model} | {server.ready_seconds:.2f} s | {memory:,.0f} MiB |"
