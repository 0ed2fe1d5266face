"""The model is swapped under load: wrong answers, the p99 beside legs without a swap, and the memory of the router.

Pairs of legs of the same requests at the same times, half of what the router can take, one leg with swaps and one
without, in turn. Each swap is to a version that the router has never seen. No decision is cached.
"""

import asyncio
import os
import sys
from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory
from typing import Any, Final

from scipy.stats import binom

from benchmarks.swaps.load import Load, Reply
from benchmarks.swaps.versions import Answer, Versions, fault, header
from benchmarks.trained import make_bundle
from flows.command import CommandParser, positive, positive_number, run
from infra.local.loop import EVENTS
from infra.local.processes import free_port, running, server_environment
from infra.local.servers.router import router
from smart_routing.errors import SmartRoutingError
from smart_routing.protocol import HEADER_MODEL_VERSION

POLL_SECONDS: Final = 0.25
WARM_SECONDS: Final = 3.0
HALF: Final = 0.5


@dataclass(frozen=True, slots=True)
class Site:
    """A router that runs, its process, and what it follows."""

    load: Load
    process: int
    versions: Versions
    answers: Mapping[str, list[Answer]]


@dataclass(frozen=True, slots=True)
class Leg:
    """One leg: times in milliseconds, what was wrong, and which versions answered."""

    median: float
    p99: float
    answers: int
    faults: tuple[str, ...]
    versions: frozenset[str]


@dataclass(frozen=True, slots=True)
class Pair:
    """A leg without swaps and one with, whichever was first; the router's megabytes after both."""

    still: Leg
    swapping: Leg
    megabytes: float

    @property
    def ratio(self) -> float:
        return self.swapping.p99 / self.still.p99


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """All pairs. `ratio` is the median of p99 with swaps over p99 without, `interval` its 95% one where pairs suffice.

    Memory is that after the first pair, when all versions that are kept are there, and after the last.
    """

    per_second: float
    pairs: int
    swaps: int
    answers: int
    faults: tuple[str, ...]
    p99_still: float
    p99_swapping: float
    ratio: float
    interval: tuple[float, float] | None
    megabytes: tuple[float, float]

    def __str__(self) -> str:
        interval = "none" if self.interval is None else "{:.2f} to {:.2f}".format(*self.interval)
        before, after = self.megabytes
        lines = (
            f"swaps              {self.swaps}, in {self.pairs} legs; {self.per_second:.0f} requests a second",
            f"wrong answers      {len(self.faults)} of {self.answers}",
            f"p99 without, with  {self.p99_still:.2f} ms, {self.p99_swapping:.2f} ms (medians of legs)",
            f"ratio of p99       {self.ratio:.2f} (median of pairs), 95% interval {interval}",
            f"memory             {before:.1f} MB after the first pair, {after - before:+.1f} MB after the last",
        )
        return "\n".join(lines)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def main(arguments: Sequence[str] | None = None) -> None:
    run(parser(), command, arguments=arguments, needs_prefect=False)


def parser() -> CommandParser:
    made = CommandParser(module="benchmarks.swaps", description=__doc__ or "")
    made.add_argument("--bundle", type=Path, help="folder of a bundle (default: one is trained on the bundled log)")
    made.add_argument("--pairs", type=positive, default=9, help="pairs of legs (default %(default)s)")
    made.add_argument("--seconds", type=positive_number, default=30.0, help="length of a leg (default %(default)s)")
    made.add_argument("--swaps", type=positive, default=100, help="swaps in all (default %(default)s)")
    made.add_argument("--per-second", type=positive_number, help="requests (default: half of what the router takes)")
    return made


def command(options: Namespace) -> Result:
    """Raises `SmartRoutingError` for a single wrong answer."""
    with TemporaryDirectory(prefix="smart-routing-swaps-") as folder:
        scratch = Path(folder)
        bundle = options.bundle or scratch / "bundle"
        make_bundle(str(EVENTS), bundle)
        with serving(bundle, scratch, swaps=options.swaps) as site:
            result = asyncio.run(measure(site, options))
    if result.faults:
        tell(str(result))
        raise SmartRoutingError(f"{len(result.faults)} of {result.answers} answers are wrong: {result.faults[0]}")
    return result


@contextmanager
def serving(bundle: Path, scratch: Path, *, swaps: int) -> Iterator[Site]:
    """A router with the first of so many versions and one."""
    (scratch / "models").mkdir()
    versions = Versions(bundle, scratch / "models", count=swaps + 1)
    answers = versions.answers()
    environment = server_environment(scratch, **settings(versions.link, scratch))
    server = router(scratch / "router", free_port(), environment=environment)
    with running(server) as process, apart(process.pid):
        yield Site(Load(server.url, versions.questions), process.pid, versions, answers)


@contextmanager
def apart(process: int) -> Iterator[None]:
    """`process` on one core and this one on the others, where there are any."""
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(process, cores[:1])
    os.sched_setaffinity(0, cores[1:] or cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


def settings(source: Path, scratch: Path) -> dict[str, str]:
    return {
        "SMART_ROUTING_SERVING_SOURCE": str(source),
        "SMART_ROUTING_SERVING_POLL_SECONDS": str(POLL_SECONDS),
        "SMART_ROUTING_SERVING_STATE_DIR": str(scratch / "state"),
        "SMART_ROUTING_SERVING_DECISION_LOG": "",
        "SMART_ROUTING_SERVING_ADMIN_PORT": "0",
        "SMART_ROUTING_SERVING_CACHE_ENTRIES": "0",
        "SMART_ROUTING_HISTORY_SNAPSHOT": str(scratch / "history.npz"),
        "SMART_ROUTING_KNOWN_HEAVY_STORE": str(scratch / "known-heavy.jsonl"),
    }


async def measure(site: Site, options: Namespace) -> Result:
    per_second = options.per_second or HALF * await site.load.as_many(WARM_SECONDS)
    ends = [options.swaps * pair // options.pairs for pair in range(options.pairs + 1)]
    pairs = []
    for number, (first, last) in enumerate(pairwise(ends)):
        legs = {}
        for swapping in (True, False) if number % 2 else (False, True):
            swaps = range(first + 1, last + 1) if swapping else range(0)
            legs[swapping] = await leg(site, swaps, seconds=options.seconds, per_second=per_second, seed=number)
        pairs.append(Pair(legs[False], legs[True], resident_megabytes(site.process)))
        tell(
            f"pair {number + 1} of {options.pairs}: p99 {pairs[-1].still.p99:.2f} ms without swaps, "
            f"{pairs[-1].swapping.p99:.2f} ms with, {pairs[-1].megabytes:.1f} MB"
        )
    return summary(pairs, per_second=per_second, swaps=options.swaps)


async def leg(site: Site, swaps: range, *, seconds: float, per_second: float, seed: int) -> Leg:
    moving = asyncio.create_task(move(site.versions, swaps, seconds=seconds))
    replies = await site.load.at_random(seconds, per_second=per_second, seed=seed)
    await moving
    return judged(replies, site.answers)


async def move(versions: Versions, numbers: range, *, seconds: float) -> None:
    """Evenly over the leg, the last early enough to be seen in it."""
    for number in numbers:
        await asyncio.sleep(seconds / (len(numbers) + 1))
        versions.point_to(number)


def judged(replies: Sequence[Reply], answers: Mapping[str, list[Answer]]) -> Leg:
    """Raises `ValueError` for fewer than two replies."""
    seconds = [reply.seconds for reply in replies]
    faults = [
        wrong
        for reply in replies
        if (wrong := fault(reply.status, reply.head, reply.body, number=reply.number, answers=answers))
    ]
    versions = {header(HEADER_MODEL_VERSION, reply.head) for reply in replies} - {None}
    p99 = quantiles(seconds, n=100, method="inclusive")[98]
    return Leg(1000 * median(seconds), 1000 * p99, len(replies), tuple(faults), frozenset(map(str, versions)))


def summary(pairs: Sequence[Pair], *, per_second: float, swaps: int) -> Result:
    """A version that never answered is a fault too: its swap proves nothing."""
    legs = [leg for pair in pairs for leg in (pair.still, pair.swapping)]
    seen = frozenset[str]().union(*(leg.versions for leg in legs))
    unseen = ("a version never answered",) * (swaps + 1 - len(seen))
    return Result(
        per_second=per_second,
        pairs=len(pairs),
        swaps=swaps,
        answers=sum(leg.answers for leg in legs),
        faults=(*unseen, *(fault for leg in legs for fault in leg.faults)),
        p99_still=median(pair.still.p99 for pair in pairs),
        p99_swapping=median(pair.swapping.p99 for pair in pairs),
        ratio=median(pair.ratio for pair in pairs),
        interval=interval_of_median([pair.ratio for pair in pairs]),
        megabytes=(pairs[0].megabytes, pairs[-1].megabytes),
    )


def interval_of_median(values: Sequence[float], confidence: float = 0.95) -> tuple[float, float] | None:
    """Between two order statistics, whatever the distribution; None for fewer than six values at 95%."""
    beyond = int(binom.ppf((1 - confidence) / 2, len(values), 0.5))
    return (sorted(values)[beyond - 1], sorted(values)[-beyond]) if beyond else None


def tell(line: str) -> None:
    sys.stderr.write(f"swaps: {line}\n")


def resident_megabytes(process: int) -> float:
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


if __name__ == "__main__":
    main()
