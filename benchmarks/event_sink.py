"""How long the collector takes to acknowledge an event, beside an empty sink that does the same write.

Both run under uvicorn with one process. Rounds alternate between them, each an open loop of the same events; the empty
sink writes as many bytes of each as the collector keeps. The collector stores meanwhile what it took, in PostgreSQL.
"""

import argparse
import asyncio
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory
from typing import Final

from benchmarks.empty_sink import FILE_VARIABLE, PATH
from benchmarks.event_load import EventLoad
from benchmarks.open_loop import OpenLoop, post_request
from infra.local.loop import EVENTS
from infra.local.processes import LOOPBACK, Answers, Server, free_port, listening, server_environment
from infra.local.servers import collector_server, postgres_server
from infra.local.servers.programs import ROOT
from serving.events.intake import Completed, examine
from smart_routing.protocol import QUERY_EVENTS_PATH

PAUSE_SECONDS: Final = 2.0
"""Between two rounds, for the collector to store what it took in its own."""
TOKEN: Final = "only-on-loopback"  # for the length of a run


@dataclass(frozen=True, slots=True)
class Plan:
    """Pairs of rounds, events a round and a second."""

    pairs: int
    events: int
    per_second: float


@dataclass(frozen=True, slots=True)
class Sink:
    """Where the sink listens, and where it wants a body posted."""

    url: str
    path: Callable[[bytes], str]

    def request(self, body: bytes) -> bytes:
        return post_request(f"{self.url}{self.path(body)}", body, token=TOKEN)


@dataclass(frozen=True, slots=True)
class Round:
    """Times to acknowledge, in milliseconds."""

    median: float
    p99: float


@dataclass(frozen=True, slots=True)
class Pair:
    """Two rounds of the same events, one after the other."""

    collector: Round
    empty: Round


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints both sinks' times of every pair, and the ratios."""
    plan = _plan(arguments)
    load = EventLoad(EVENTS, count=plan.pairs * plan.events, seed=7)
    with TemporaryDirectory(prefix="event-sink-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o711)  # PostgreSQL's user is to pass through
        with _collector(Path(folder)) as collector, _empty_sink(Path(folder)) as empty:
            pairs = [_pair(collector, empty, [load.body(n) for n in numbers], plan) for numbers in _rounds(plan)]
    sys.stdout.write(_report(pairs, plan))
    return 0


def _plan(arguments: Sequence[str] | None) -> Plan:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.event_sink", description=__doc__)
    parser.add_argument("--pairs", type=int, default=5, help="rounds of each sink")
    parser.add_argument("--events", type=int, default=2000, help="events of a round")
    parser.add_argument("--per-second", type=float, default=500, help="events of a second")
    return Plan(**vars(parser.parse_args(arguments)))


@contextmanager
def _collector(root: Path) -> Iterator[Sink]:
    for name in ("postgres", "collector"):
        (root / name).mkdir()
    folder = root / "collector"
    (folder / "token").write_text(TOKEN)
    with postgres_server(root / "postgres") as store:
        environment = server_environment(
            folder,
            SMART_ROUTING_QUERY_LOG_STORE=store,
            SMART_ROUTING_COLLECTOR_TOKEN_FILE=str(folder / "token"),
            SMART_ROUTING_COLLECTOR_SPILL_DIR=str(folder / "spill"),
            SMART_ROUTING_COLLECTOR_REJECTS=str(folder / "rejects.jsonl"),
            SMART_ROUTING_COLLECTOR_BATCH_SECONDS="1",
        )
        with collector_server(folder, environment) as server:
            yield Sink(server.url, lambda _: QUERY_EVENTS_PATH)


@contextmanager
def _empty_sink(root: Path) -> Iterator[Sink]:
    folder, port = root / "empty-sink", free_port()
    folder.mkdir()
    url = f"http://{LOOPBACK}:{port}"
    server = Server(
        title="Empty sink",
        url=url,
        command=[
            *(sys.executable, "-m", "uvicorn", "--factory", "benchmarks.empty_sink:create_app"),
            *("--host", LOOPBACK, "--port", str(port), "--lifespan", "off", "--no-access-log"),
        ],
        environment=server_environment(folder, **{FILE_VARIABLE: str(folder / "events.jsonl")}),
        folder=folder,
        workdir=ROOT,
        ready=Answers(url),
    )
    with listening(server):
        yield Sink(url, lambda body: f"{PATH}{_kept_bytes(body)}")


def _kept_bytes(body: bytes) -> int:
    event = examine(body)
    return len(event.line) if isinstance(event, Completed) else len(body)


def _rounds(plan: Plan) -> list[range]:
    return [range(first, first + plan.events) for first in range(0, plan.pairs * plan.events, plan.events)]


def _pair(collector: Sink, empty: Sink, bodies: Sequence[bytes], plan: Plan) -> Pair:
    return Pair(
        collector=asyncio.run(_round(collector, bodies, plan)),
        empty=asyncio.run(_round(empty, bodies, plan)),
    )


async def _round(sink: Sink, bodies: Sequence[bytes], plan: Plan) -> Round:
    requests = [sink.request(body) for body in bodies]
    await asyncio.sleep(PAUSE_SECONDS)
    sender = OpenLoop(sink.url)
    deliveries = await sender.send(range(len(requests)), requests.__getitem__, per_second=plan.per_second)
    await sender.close()
    times = [delivery.seconds * 1000 for delivery in deliveries if delivery.seconds is not None and delivery.tries == 1]
    if len(times) < len(bodies):
        raise SystemExit(f"{sink.url}: {len(bodies) - len(times)} of {len(bodies)} events were not taken at once")
    return Round(median(times), quantiles(times, n=100)[98])


def _report(pairs: Sequence[Pair], plan: Plan) -> str:
    lines = [f"{plan.events} events a round, {plan.per_second:g} a second; ms to acknowledge, median / p99"]
    for number, pair in enumerate(pairs, start=1):
        lines.append(
            f"  pair {number}: collector {pair.collector.median:.2f} / {pair.collector.p99:.2f}, "
            f"empty sink {pair.empty.median:.2f} / {pair.empty.p99:.2f}"
        )
    for name, ratios in (
        ("medians", [pair.collector.median / pair.empty.median for pair in pairs]),
        ("p99", [pair.collector.p99 / pair.empty.p99 for pair in pairs]),
    ):
        lines.append(f"  ratio of {name}: {median(ratios):.2f} (from {min(ratios):.2f} to {max(ratios):.2f})")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
