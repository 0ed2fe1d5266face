"""The router over HTTP beside what people would use in its place: rates, latencies, memory, start.

All servers are on one core and the client on another; rounds alternate between servers. `make rivals` makes the rivals'
environment.
"""

import os
import sys
from argparse import Namespace
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from benchmarks.http.campaign import CONNECTIONS, Campaign
from benchmarks.http.carried import make
from benchmarks.http.field import CACHED, DECISIONS, FACTS_BYTES, FACTS_KEPT, OURS, echo, rivals, router
from benchmarks.http.measure import started
from benchmarks.http.report import HttpResults, section
from benchmarks.http.statements import Corpus, fixed_statement, log_statements, tpcds_statements
from benchmarks.page import PAGE, RESULTS, machine, write_json, write_section
from flows.command import CommandParser, add_events, positive, positive_number, run
from infra.local.loop import EVENTS
from infra.local.servers.programs import ROOT
from smart_routing.errors import InputError

ENVIRONMENT: Final = ROOT / ".venv-rivals"


def main() -> None:
    parser = CommandParser(module="benchmarks.http", description=str(__doc__))
    add_events(parser)
    parser.add_argument("--rounds", type=positive, default=5, help="of each server (%(default)s)")
    parser.add_argument("--seconds", type=positive_number, default=3.0, help="of a server's round (%(default)s)")
    parser.add_argument("--tail", type=positive, default=100_000, help="requests behind a tail (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the order of statements and the moments of requests")
    parser.add_argument("--rivals", type=Path, default=ENVIRONMENT, help="the rivals' environment (.venv-rivals)")
    parser.add_argument("--no-rivals", action="store_true", help="the router and the echo alone")
    parser.add_argument("--data", type=Path, help="folder with lst-bench-tpcds/ (SMART_ROUTING_TEST_DATA)")
    parser.add_argument("--keep", action="store_true", help="write the results into benchmarks/results and docs")
    run(parser, _command, needs_prefect=False)


def _command(options: Namespace) -> HttpResults:
    if (os.cpu_count() or 1) < 2:
        raise InputError("this machine has one core: expected two, one for servers and one for the client")
    told, corpora = machine(), _corpora(options)
    with TemporaryDirectory(prefix="http-") as folder:
        results = _measure(options, corpora, Path(folder), told=told)
    if options.keep:
        write_json(results.as_json(), RESULTS / "http.json")
        write_section(section(results), PAGE)
    return results


def _corpora(options: Namespace) -> list[Corpus]:
    """The fixed statement, the log's, and TPC-DS's where there is test data."""
    found = [fixed_statement(), log_statements(options.events or str(EVENTS), seed=options.seed)]
    data = options.data or os.environ.get("SMART_ROUTING_TEST_DATA")
    return [*found, tpcds_statements(Path(data), seed=options.seed)] if data else found


def _measure(options: Namespace, corpora: list[Corpus], folder: Path, *, told: str) -> HttpResults:
    sys.stderr.write("http: training what the servers carry\n")
    carried = make(options.events or str(EVENTS), folder, environment=None if options.no_rivals else options.rivals)
    field = [
        router(OURS, carried, folder=folder / "router"),
        router(FACTS_KEPT, carried, folder=folder / "router-facts", facts_bytes=FACTS_BYTES),
        router(CACHED, carried, folder=folder / "router-decisions", facts_bytes=FACTS_BYTES, decisions=DECISIONS),
        echo(),
        *([] if options.no_rivals else rivals(carried, folder)),
    ]
    with ExitStack() as stack:
        campaign = Campaign(
            servers=[
                stack.enter_context(started(one, folder / f"server-{number}", corpora[0]))
                for number, one in enumerate(field)
            ],
            corpora=corpora,
            rounds=options.rounds,
            seconds=options.seconds,
            tail=options.tail,
            seed=options.seed,
        )
        return HttpResults(
            made_at=datetime.now(UTC),
            machine=told,
            seed=options.seed,
            connections=CONNECTIONS,
            lengths=tuple(corpus.lengths() for corpus in corpora),
            servers=tuple(campaign.rates()),
            tails=tuple(campaign.tails()),
        )


if __name__ == "__main__":
    main()
