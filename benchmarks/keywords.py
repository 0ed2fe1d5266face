"""Try every keyword in every place, repeated and nested: none may cost a reading of its statement more than 50 ms."""

import sys
import time
from argparse import Namespace
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from benchmarks.hostile.frames import framed, read_frames, words
from benchmarks.hostile.shapes import Shape
from flows.command import CommandParser, positive, run
from smart_routing.errors import SmartRoutingError
from smart_routing.features.facts import read_facts

SECONDS: Final = 0.05
TIMES: Final = (8, 16, 24, 140, 740)
"""What doubles with each repeat shows at 16, where it still ends; the larger size of a shape is not tried then."""
TRIES: Final = 4
_TOLD_EACH: Final = 2_000


@dataclass(frozen=True, slots=True)
class Tried:
    """How many texts were read, the dearest of them, and the shapes beyond the bar."""

    texts: int
    dearest_seconds: float
    dearest: str
    beyond: Sequence[str] = field(default_factory=tuple)

    def as_json(self) -> dict[str, Any]:
        return {
            "texts": self.texts,
            "dearest_ms": round(1000 * self.dearest_seconds, 1),
            "dearest": self.dearest,
            "beyond": list(self.beyond),
        }

    def __str__(self) -> str:
        told = self.as_json()
        return f"{self.texts:,} texts, the dearest {told['dearest_ms']} ms ({self.dearest}); {len(self.beyond)} beyond"


def try_all(shapes: Iterable[Shape], *, times: Sequence[int] = TIMES, bar_seconds: float = SECONDS) -> Tried:
    """Reads each shape at each size, until one is beyond the bar."""
    texts, dearest, beyond = 0, (0.0, "none"), []
    for number, shape in enumerate(shapes, start=1):
        for size in times:
            texts += 1
            name, seconds = f"{shape.name}, {size} times", cost(shape.sql(size), bar_seconds)
            dearest = max(dearest, (seconds, name))
            if seconds > bar_seconds:
                beyond.append(name)
                break
        if number % _TOLD_EACH == 0:
            sys.stderr.write(f"keywords: {number:,} shapes, the dearest {1000 * dearest[0]:.1f} ms\n")
    return Tried(texts, *dearest, tuple(beyond))


def cost(sql: str, bar_seconds: float) -> float:
    """Seconds on the processor, of the fastest try; one within the bar is enough."""
    fastest = float("inf")
    for _ in range(TRIES):
        begun = time.thread_time()
        read_facts(sql)
        fastest = min(fastest, time.thread_time() - begun)
        if fastest <= bar_seconds:
            break
    return fastest


def main() -> None:
    parser = CommandParser(module="benchmarks.keywords", description=str(__doc__))
    parser.add_argument("--each", type=positive, default=1, help="try only one shape in so many (%(default)s)")
    run(parser, _command, needs_prefect=False)


def _command(options: Namespace) -> Tried:
    tried = try_all(list(framed(read_frames(), words()))[:: options.each])
    if tried.beyond:
        raise SmartRoutingError(f"{tried}; the first: {tried.beyond[0]}")
    return tried


if __name__ == "__main__":
    main()
