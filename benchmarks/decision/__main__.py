"""Time decisions in process: by stage, with caches and without, beside TF-IDF and XGBoost on the text alone."""

from argparse import Namespace
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import cycle
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

import pandas as pd

from benchmarks.decision.measure import Measured, Timing, measure
from benchmarks.decision.trained import train
from benchmarks.page import machine
from benchmarks.trained import labelled_log
from flows.command import CommandParser, add_events, positive, run
from infra.local.loop import EVENTS
from smart_routing.errors import QueryLogError
from smart_routing.request import Request


@dataclass(frozen=True, slots=True)
class DecisionResults:
    """All sets of statements, and on what they were timed."""

    machine: str
    measured: tuple[Measured, ...]

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    def __str__(self) -> str:
        return "\n\n".join([f"on {self.machine}", *(_table(one) for one in self.measured)])


def main(arguments: Sequence[str] | None = None) -> None:
    parser = CommandParser(module="benchmarks.decision", description=str(__doc__))
    add_events(parser)
    parser.add_argument("--statements", metavar="P", help="more statements: Parquet with the columns sql and system")
    parser.add_argument("--rounds", type=positive, default=5, help="of each contestant (%(default)s)")
    parser.add_argument("--most", type=positive, default=3_000, help="statements of each set (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the order of the statements")
    run(parser, _command, arguments=arguments, needs_prefect=False)


def _command(options: Namespace) -> DecisionResults:
    more = _statements(Path(options.statements)) if options.statements else ()
    labelled = labelled_log(options.events or str(EVENTS))
    asked = list({example.request.sql: example.request for example in labelled.examples}.values())
    sets = {"the log's distinct statements": asked}
    if more:
        sets[Path(options.statements).stem] = [
            replace(one, sql=sql) for sql, one in zip(more, cycle(asked), strict=False)
        ]
    trained = train(labelled)
    return DecisionResults(
        machine(),
        tuple(
            measure(name, _drawn(requests, options), trained, rounds=options.rounds) for name, requests in sets.items()
        ),
    )


def _drawn(requests: Sequence[Request], options: Namespace) -> list[Request]:
    return Random(options.seed).sample(requests, min(len(requests), options.most))


def _statements(file: Path) -> tuple[str, ...]:
    """Distinct statements that Trino ran; raises `QueryLogError` for a file that has none."""
    try:
        table = pd.read_parquet(file, columns=["sql", "system"])
    except (OSError, ValueError) as error:
        raise QueryLogError(f"statements {file} cannot be read: {error}") from error
    found = tuple(table[table["system"] == "trino"]["sql"].dropna().unique())
    if not found:
        raise QueryLogError(f"statements {file} has none of system trino")
    return found


def _table(measured: Measured) -> str:
    head = f"{measured.statements}: {measured.decisions:,} decisions a round"
    rows = [f"{'':30}{'per CPU second':>16}{'p50 ms':>9}{'p99 ms':>9}{'p99.9 ms':>10}", *map(_row, measured.timings)]
    stages = [
        f"  {one.stage:10}{one.reached:8,} reached{one.p50:9.0f} us p50{one.p99:9.0f} us p99"
        f"{one.mean_of_all:9.0f} us of all"
        for one in measured.stages
    ]
    return "\n".join([head, *rows, *stages])


def _row(timing: Timing) -> str:
    return f"{timing.name:30}{median(timing.rates):16,.0f}{timing.p50:9.3f}{timing.p99:9.3f}{timing.p999:10.3f}"


if __name__ == "__main__":
    main()
