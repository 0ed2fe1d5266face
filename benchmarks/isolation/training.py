"""The model of the routed legs: trained from a log of the same tenants, without a registry."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.trained import trained, write_bundle
from infra.local.scale import SCALED_RULE
from models.dataset import label
from models.exclusions import read_exclusions
from models.split import SplitShares
from smart_routing.errors import InputError
from smart_routing.querylog.records import QueryRecord
from smart_routing.querylog.source import read_query_log

SPLIT: Final = SplitShares(train=0.4, calibration=0.55)
"""A log of minutes has few heavy templates, a bound of 10% takes 29 of them, and nothing is judged on the rest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedRouter:
    """A bundle for a router, what it was made from and what its calibration says."""

    bundle: Path
    log: str
    reads: int
    heavy_reads: int
    calibration: str


def train_router(log: str, bundle: Path, *, seed: int, unseen: frozenset[str]) -> TrainedRouter:
    """Trains on a query log under the scaled label rule and writes the bundle into a new folder.

    The gate is not asked: the benchmark reports whatever the model does. Raises `TrainingError` for too small a log,
    `InputError` for one with statements of a run in `unseen`.
    """
    records = list(read_query_log(log, rejects=None))
    refuse_seen(records, unseen, log=log)
    labelled = label(records, SCALED_RULE, read_exclusions())
    candidate = trained(labelled, seed=seed, split_rule=SPLIT)
    write_bundle(candidate, bundle)
    return TrainedRouter(
        bundle=bundle,
        log=log,
        reads=len(labelled.reads),
        heavy_reads=sum(example.heavy for example in labelled.reads),
        calibration=candidate.calibration.summary(),
    )


def refuse_seen(records: Iterable[QueryRecord], unseen: frozenset[str], *, log: str) -> None:
    """A router that was trained on the very statements of a leg would look better than it is."""
    runs = {record.trace_token.rsplit("-", 2)[0] for record in records if record.trace_token}
    if seen := sorted(runs & unseen):
        raise InputError(
            f"--events is {log}, with statements of {', '.join(seen)}, whose seed a leg has: expected other seeds"
        )
