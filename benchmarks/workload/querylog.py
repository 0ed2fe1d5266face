"""Make a real query log: drive the workload through two Trinos, small and large, and keep their events."""

import sys
import time
from argparse import Namespace
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from benchmarks.workload import data
from benchmarks.workload.fleet import Cluster, Fleet, Leg, LegResult, fleet
from benchmarks.workload.placement import LARGE, SMALL, by_role, some_rerun
from benchmarks.workload.schedule import Schedule, make_schedule
from benchmarks.workload.sink import write_log
from benchmarks.workload.source import describe
from benchmarks.workload.tenants import TENANTS
from benchmarks.workload.truth import RunSummary, summarise
from flows.command import CommandParser, positive_number, run
from infra.local.processes import MissingProgramError, ServerError
from infra.local.scale import SCALED_RULE_ARGUMENTS
from smart_routing.errors import InputError, SmartRoutingError

CLUSTERS: Final = (Cluster(SMALL, SMALL), Cluster(LARGE, LARGE))
OUTPUT: Final = Path("var") / "workload"
PER_SECOND: Final = 1.2


@dataclass(frozen=True, slots=True)
class QueryLog:
    """A log that was made: its folder, and its run in figures."""

    folder: Path
    summary: RunSummary

    def as_json(self) -> dict[str, Any]:
        return {"folder": str(self.folder), **self.summary.as_json()}

    def __str__(self) -> str:
        return (
            f"{self.summary}\n\nthe log      {self.folder}\n"
            f"to train     .venv/bin/python -m flows.train_classifier --events {self.folder} "
            f"{' '.join(SCALED_RULE_ARGUMENTS)}"
        )


def make_log(schedule: Schedule, folder: Path) -> QueryLog:
    """Boots the clusters, makes the data, drives the schedule and fills `folder`, which must not exist.

    Raises `InputError` where it does or cannot be made, or a program is missing.
    """
    with new_folder(folder):
        with plain_errors(), TemporaryDirectory(prefix="smart-routing-workload-") as scratch:
            tell("starting two Trinos")
            with fleet(CLUSTERS, Path(scratch)) as clusters:
                result = prepare_and_drive(clusters, schedule)
        summary = summarise(result.drive, result.events, driver_cpu_seconds=result.driver_cpu_seconds)
        write_log(result.events.values(), folder / "events.jsonl.gz")
        (folder / "SOURCE.md").write_text(describe(schedule, summary, made_at=datetime.now(UTC)))
    return QueryLog(folder, summary)


@contextmanager
def new_folder(folder: Path) -> Iterator[None]:
    """Makes the folder before the run, which would be lost where it cannot be; takes it away if it stays empty."""
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise InputError(f"--out is {folder}: expected a folder to be made ({error.strerror})") from error
    try:
        yield
    finally:
        with suppress(OSError):
            folder.rmdir()


def run_name(seed: int) -> str:
    """What the trace tokens of a log's statements open with."""
    return f"log{seed}"


def prepare_and_drive(clusters: Fleet, schedule: Schedule) -> LegResult:
    began = time.monotonic()
    tell("making the tenants' tables")
    clusters.prepare(TENANTS, data.whole)
    tell(f"made in {time.monotonic() - began:.0f} s; driving {len(schedule.statements)} statements")
    leg = Leg(name=run_name(schedule.seed), schedule=schedule, place=lambda _: by_role, rerun=some_rerun)
    return clusters.run(leg)


@contextmanager
def plain_errors() -> Iterator[None]:
    """What keeps a run from starting, as errors that a command line tells in one line."""
    try:
        yield
    except MissingProgramError as error:
        raise InputError(str(error)) from error
    except (ServerError, data.PreparationError) as error:
        raise SmartRoutingError(str(error)) from error


def tell(text: str) -> None:
    """Progress."""
    sys.stderr.write(f"workload: {text}\n")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = CommandParser(module="benchmarks.workload.querylog", description=str(__doc__))
    parser.add_argument("--minutes", type=positive_number, default=10.0, help="length of the run (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of the statements and their times (%(default)s)")
    parser.add_argument("--per-second", type=positive_number, default=PER_SECOND, help="arrivals (%(default)s)")
    parser.add_argument("--out", type=Path, help="folder to make (default: a new one in var/workload)")
    run(parser, _command, arguments=arguments, needs_prefect=False)


def _command(options: Namespace) -> QueryLog:
    schedule = make_schedule(options.seed, seconds=options.minutes * 60, per_second=options.per_second)
    return make_log(schedule, options.out or OUTPUT / f"{datetime.now(UTC):%Y%m%d-%H%M%S}-seed{options.seed}")


if __name__ == "__main__":
    main()
