"""Train on a long log drawn from a real one, and print how long it took, how much memory, and how fast it read."""

import json
import sys
from argparse import Namespace
from datetime import UTC, datetime
from tempfile import TemporaryDirectory
from typing import Final

from benchmarks.offline.drawn_log import DrawnLog
from benchmarks.offline.memory import run_watched
from benchmarks.offline.rates import measure_rates
from benchmarks.offline.report import OfflineResults, section
from benchmarks.offline.training import Training
from benchmarks.page import PAGE, RESULTS, machine, write_json, write_section
from flows.command import CommandParser, add_events, positive, run
from infra.local.loop import EVENTS
from infra.local.servers.programs import ROOT
from smart_routing.querylog.records import QueryRecord
from smart_routing.querylog.source import read_query_log
from smart_routing.querylog.store import open_store

RATED: Final = 5_000
"""Statements whose featurization is timed beside a bare parse."""


def main() -> None:
    parser = CommandParser(module="benchmarks.offline", description=str(__doc__))
    add_events(parser)
    parser.add_argument("--rows", type=positive, default=1_200_000, help="of the drawn log (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the draws")
    parser.add_argument("--rounds", type=positive, default=3, help="of the featurization beside a parse (%(default)s)")
    parser.add_argument("--keep", action="store_true", help="write the results into benchmarks/results and docs")
    run(parser, _command, needs_prefect=False)


def _command(options: Namespace) -> OfflineResults:
    log, told = DrawnLog(rows=options.rows, seed=options.seed), machine()
    real = list(read_query_log(options.events or str(EVENTS), rejects=None))
    with TemporaryDirectory(prefix="offline-") as folder:
        sys.stderr.write(f"offline: drawing {log.rows:,} rows\n")
        open_store(folder).append(log.records(real))
        command = [sys.executable, "-m", "benchmarks.offline.training", folder]
        watched = run_watched(command, cwd=ROOT)
    results = OfflineResults(
        made_at=datetime.now(UTC),
        machine=told,
        log=log,
        training=Training.from_json(json.loads(watched.stdout)),
        peak_bytes=watched.peak_bytes,
        rates=measure_rates(_distinct(log, real), rounds=options.rounds),
    )
    if options.keep:
        write_json(results.as_json(), RESULTS / "offline.json")
        write_section(section(results), PAGE)
    return results


def _distinct(log: DrawnLog, real: list[QueryRecord]) -> list[QueryRecord]:
    """The drawn log's first texts, each once."""
    return list(DrawnLog(rows=min(log.texts, RATED), repeats=0.0, seed=log.seed).records(real))


if __name__ == "__main__":
    main()
