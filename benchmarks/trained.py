"""What benchmarks run with: a bundle and a history made from a query log as a training makes them; no gate is asked."""

from datetime import timedelta
from pathlib import Path
from typing import Final

from infra.local.scale import SCALED_RULE
from models.candidate import Candidate, make_candidate, write_candidate
from models.dataset import Labelled, label
from models.exclusions import read_exclusions
from models.gate import read_gate
from models.params import read_params
from models.split import USUAL_SPLIT, SplitRule
from smart_routing.history.snapshot import MOST_KEYS, Snapshot
from smart_routing.querylog.source import read_query_log
from smart_routing.sources.source import MANIFEST_DIGEST

FOR_THE_RUN: Final = timedelta(days=36500)
"""How long the snapshot of an old log counts."""


def labelled_log(events: str) -> Labelled:
    """A query log under the scaled label rule."""
    return label(list(read_query_log(events, rejects=None)), SCALED_RULE, read_exclusions())


def trained(labelled: Labelled, *, seed: int = 0, split_rule: SplitRule = USUAL_SPLIT) -> Candidate:
    """Takes seconds on the bundled log; raises `TrainingError` for too small a log."""
    params, gate = read_params(seed=seed), read_gate()
    return make_candidate(labelled, SCALED_RULE, params=params, gate=gate, split_rule=split_rule)


def write_bundle(candidate: Candidate, folder: Path) -> None:
    """Into a new folder, as a path source has it."""
    (folder / MANIFEST_DIGEST).write_text(write_candidate(candidate, folder))


def make_bundle(events: str, folder: Path) -> None:
    """Trains and writes; nothing where a bundle is there already."""
    if not (folder / MANIFEST_DIGEST).exists():
        write_bundle(trained(labelled_log(events)), folder)


def history_after(labelled: Labelled) -> bytes:
    """The history snapshot at the end of a log."""
    end = max(example.ended_at for example in labelled.examples) + timedelta(hours=1)
    return Snapshot.of(labelled.history, end, rule=SCALED_RULE, ttl=FOR_THE_RUN, most_keys=MOST_KEYS)
