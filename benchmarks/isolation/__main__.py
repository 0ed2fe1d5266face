"""Measure isolation: the same workload on two equal Trinos in turn, and on small/large by our router."""

import os
from argparse import Namespace
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from benchmarks.isolation.figures import Pair, leg_figures, truth
from benchmarks.isolation.report import Results, section
from benchmarks.isolation.training import TrainedRouter, train_router
from benchmarks.page import PAGE, RESULTS, machine, write_json, write_section
from benchmarks.workload import data
from benchmarks.workload.fleet import Cluster, Fleet, Leg, LegResult, fleet
from benchmarks.workload.placement import LARGE, SMALL, ByRouter, RoundRobin, all_rerun
from benchmarks.workload.querylog import PER_SECOND, make_log, plain_errors, run_name, tell
from benchmarks.workload.schedule import Schedule, make_schedule
from benchmarks.workload.tenants import TENANTS
from flows.command import CommandParser, positive, positive_number, run
from infra.local.environment import kept_below
from infra.local.processes import server_environment
from infra.local.scale import SCALED_RULE
from infra.local.servers import router_server
from smart_routing.errors import InputError

EQUALS: Final = ("equal-a", "equal-b")
CLUSTERS: Final = (
    Cluster(EQUALS[0], LARGE, core=0),
    Cluster(EQUALS[1], LARGE, core=1),
    Cluster(SMALL, SMALL, core=0),
    Cluster(LARGE, LARGE, core=1),
)
ROOT: Final = Path(__file__).parents[2]
RESULTS_FILE: Final = RESULTS / "isolation.json"
QUICK_RESULTS: Final = ROOT / "var" / "isolation-quick.json"
WARM_UP_MINUTES: Final = 1.0
"""Of both legs before the first pair, unmeasured: a JVM that is cold takes seconds for what it later does in one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How much is measured, and where the router's log is (None: made first, in `train_minutes`)."""

    pairs: int
    minutes: float
    per_second: float
    seed: int
    events: Path | None
    train_minutes: float

    @property
    def seeds(self) -> range:
        """Of the pairs; the warm-up and the training have the next two, so that their statements are others."""
        return range(self.seed, self.seed + self.pairs)

    @property
    def warm_up_seed(self) -> int:
        return self.seeds.stop

    @property
    def training_seed(self) -> int:
        return self.seeds.stop + 1

    def schedule(self, seed: int, *, minutes: float | None = None) -> Schedule:
        """The plan's kind of schedule; of a leg's length, where no other is given."""
        return make_schedule(seed, seconds=60 * (minutes or self.minutes), per_second=self.per_second)


def measure(plan: Plan, folder: Path) -> Iterator[Results]:
    """All pairs on one set of clusters over one lake, the results so far after each; `folder` is filled.

    Of an odd number the routed leg goes first once more often: what goes second may find the machine warmer.
    """
    started = machine()
    router = train(plan, folder)
    tell(f"the router: {router.calibration}")
    tell("starting four Trinos and the router")
    with router_of(router, folder / "router") as url, fleet(CLUSTERS, folder) as clusters:
        tell("making the tenants' tables")
        clusters.prepare(TENANTS, data.whole)
        measure_pair(clusters, plan.schedule(plan.warm_up_seed, minutes=WARM_UP_MINUTES), router=url)
        results = Results(
            made_at=datetime.now(UTC),
            machine=started,
            minutes=plan.minutes,
            per_second=plan.per_second,
            router=router,
            pairs=(),
        )
        for number, seed in enumerate(plan.seeds):
            pair = measure_pair(clusters, plan.schedule(seed), router=url, routed_first=number % 2 == 0)
            results = replace(results, pairs=(*results.pairs, pair))
            yield results


def train(plan: Plan, folder: Path) -> TrainedRouter:
    """The router's model, from the log of the plan or from one that is made now on small/large."""
    if plan.events is not None:
        log, told = plan.events, f"the log {plan.events.name}"
    else:
        log = make_log(plan.schedule(plan.training_seed, minutes=plan.train_minutes), folder / "log").folder
        told = f"a run of this workload with seed {plan.training_seed} for {plan.train_minutes:g} minutes"
    unseen = frozenset(map(run_name, plan.seeds))
    return replace(train_router(str(log), folder / "bundle", seed=plan.seed, unseen=unseen), log=told)


@contextmanager
def router_of(trained: TrainedRouter, folder: Path) -> Iterator[str]:
    """The real router with the bundle; yields the URL of its data port."""
    folder.mkdir()
    own = {"SMART_ROUTING_SERVING_SOURCE": str(trained.bundle), "SMART_ROUTING_SERVING_DECISION_LOG": ""}
    environment = server_environment(folder, **kept_below(folder) | own)
    with router_server(folder, environment) as url:
        yield url


def measure_pair(clusters: Fleet, schedule: Schedule, *, router: str, routed_first: bool = False) -> Pair:
    """Both legs of one schedule, each on tables as they were made."""
    leg = partial(Leg, schedule=schedule, rerun=all_rerun)
    legs = [
        leg(name=f"round-robin-{schedule.seed}", place=lambda _: RoundRobin(EQUALS)),
        leg(name=f"routed-{schedule.seed}", place=lambda http: ByRouter(http, router)),
    ]
    in_turn = legs[::-1] if routed_first else legs
    results = {one.name: run_leg(clusters, one) for one in in_turn}
    round_robin, routed = (results[one.name] for one in legs)
    known = truth(round_robin.drive, round_robin.events, SCALED_RULE)
    arrivals = {statement.number: statement.at for statement in schedule.statements}
    return Pair(
        seed=schedule.seed,
        statements=len(arrivals),
        routed_first=routed_first,
        round_robin=leg_figures(round_robin.drive, known, arrivals),
        routed=leg_figures(routed.drive, known, arrivals),
    )


def run_leg(clusters: Fleet, leg: Leg) -> LegResult:
    clusters.prepare(TENANTS, data.changed)
    result = clusters.run(leg)
    tell(f"{leg.name}: {len(result.drive.outcomes)} of {len(leg.schedule.statements)} in {result.drive.seconds:.0f} s")
    return result


def main(arguments: Sequence[str] | None = None) -> None:
    parser = CommandParser(module="benchmarks.isolation", description=str(__doc__))
    parser.add_argument("--pairs", type=positive, default=5, help="pairs of legs (%(default)s)")
    parser.add_argument("--minutes", type=positive_number, default=2.25, help="length of a leg (%(default)s)")
    parser.add_argument("--per-second", type=positive_number, default=PER_SECOND, help="arrivals (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of the first pair; each further one takes the next")
    parser.add_argument("--events", type=Path, help="query log of this workload to train the router on")
    parser.add_argument(
        "--train-minutes", type=positive_number, default=15.0, help="or the length of one to make (%(default)s)"
    )
    parser.add_argument("--quick", action="store_true", help="one pair; the page is not written")
    run(parser, _command, arguments=arguments, needs_prefect=False)


def _command(options: Namespace) -> Results:
    if (os.cpu_count() or 1) < 2:
        raise InputError("this machine has one core: expected two, one for each Trino")
    plan = Plan(
        pairs=1 if options.quick else options.pairs,
        minutes=options.minutes,
        per_second=options.per_second,
        seed=options.seed,
        events=options.events,
        train_minutes=options.train_minutes,
    )
    with plain_errors(), TemporaryDirectory(prefix="smart-routing-isolation-") as folder:
        for results in measure(plan, Path(folder)):  # a run that breaks keeps the pairs it finished
            write_json(results.as_json(), QUICK_RESULTS if options.quick else RESULTS_FILE)
    if not options.quick:
        write_section(section(results), PAGE)
    return results


if __name__ == "__main__":
    main()
