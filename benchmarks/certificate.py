"""Prove the certificate: deployments drawn from what a model scored on statements it had not learnt from."""

import sys
from argparse import Namespace
from dataclasses import asdict, dataclass
from typing import Any, Final

from flows.command import CommandParser, add_events, positive, run
from infra.local.loop import EVENTS
from infra.local.scale import SCALED_RULE
from models.candidate import make_candidate
from models.dataset import label
from models.gate import read_gate
from models.params import read_params
from models.scoring import score_by_router
from models.simulation import Deployment, deployments
from smart_routing.errors import TrainingError
from smart_routing.querylog.source import read_query_log

MOST_BROKEN: Final = 0.08
"""Share of deployments: of 200 at 5% each, more than 16 are broken by chance in 2 of 100 proofs."""

FEWEST_NAIVE: Final = 0.4


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """How many deployments broke their bound, certified and tuned by hand, and the least light share."""

    deployments: int
    heavy_units: int
    broken: int
    naive_broken: int
    least_light_share: float

    @property
    def holds(self) -> bool:
        return (
            self.broken <= MOST_BROKEN * self.deployments
            and self.naive_broken > FEWEST_NAIVE * self.deployments
            and self.least_light_share > 0.3
        )

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "holds": self.holds}

    def __str__(self) -> str:
        return (
            f"{self.deployments} deployments, {self.heavy_units} heavy units to calibrate on each: {self.broken} broke "
            f"their certified bound, {self.naive_broken} that of a threshold tuned on the same units; "
            f"light share {self.least_light_share:.0%} or more"
        )


def prove(drawn: list[Deployment], *, heavy_units: int) -> Proof:
    """Counts; raises `TrainingError` where no deployment got a certificate."""
    if not drawn:
        raise TrainingError(f"{heavy_units} heavy units support no bound: give a longer log")
    return Proof(
        deployments=len(drawn),
        heavy_units=heavy_units,
        broken=sum(not one.holds for one in drawn),
        naive_broken=sum(not one.naive_holds for one in drawn),
        least_light_share=min(one.light_share for one in drawn),
    )


def main() -> None:
    parser = CommandParser(module="benchmarks.certificate", description=str(__doc__))
    add_events(parser)
    parser.add_argument("--deployments", type=positive, default=200, help="how many (%(default)s)")
    parser.add_argument("--heavy-units", type=positive, default=100, help="to calibrate each on (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the draws")
    run(parser, _command, needs_prefect=False)


def _command(options: Namespace) -> Proof:
    labelled = label(read_query_log(options.events or str(EVENTS), rejects=None), SCALED_RULE)
    sys.stderr.write("certificate: training\n")
    candidate = make_candidate(labelled, SCALED_RULE, params=read_params(), gate=read_gate())
    unlearnt = (*candidate.split.calibration, *candidate.split.holdout)
    population = score_by_router(unlearnt, candidate.model, labelled.history)
    sys.stderr.write(f"certificate: {options.deployments} deployments from {len(population)} reads\n")
    units = options.heavy_units
    proof = prove(
        list(deployments(population, count=options.deployments, heavy_units=units, seed=options.seed)),
        heavy_units=units,
    )
    if not proof.holds:
        raise TrainingError(f"the certificate does not keep its word: {proof}")
    return proof


if __name__ == "__main__":
    main()
