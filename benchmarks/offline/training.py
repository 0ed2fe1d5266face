"""One training run on a query log store, stage by stage; a process of its own, so that its memory can be watched."""

import json
import logging
import os
import sys
import time
from argparse import ArgumentParser
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from infra.local.scale import SCALED_RULE
from models.candidate import make_candidate, write_candidate
from models.dataset import label
from models.gate import read_gate
from models.params import read_params
from smart_routing.querylog.store import open_store

Made = TypeVar("Made")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Time of one stage; `cpu_seconds` are those of all its processes."""

    name: str
    wall_seconds: float
    cpu_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """What a run made of which log. `trained_on` are the rows that the trees saw, `rounds` their number."""

    rows: int
    texts: int
    reads: int
    trained_on: int
    terms: int
    columns: int
    rounds: int
    manifest_sha256: str
    stages: tuple[Stage, ...]

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> "Training":
        return cls(**{**document, "stages": tuple(Stage(**stage) for stage in document["stages"])})


class _Clock:
    """Times stages."""

    def __init__(self) -> None:
        self.stages: list[Stage] = []

    def time(self, name: str, work: Callable[[], Made]) -> Made:
        began, cpu = time.monotonic(), _cpu_seconds()
        made = work()
        stage = Stage(name=name, wall_seconds=time.monotonic() - began, cpu_seconds=_cpu_seconds() - cpu)
        sys.stderr.write(f"offline: {name} took {stage.wall_seconds:.0f} s, {stage.cpu_seconds:.0f} s of CPU\n")
        self.stages.append(stage)
        return made


def train_on(store: str) -> Training:
    """Read, label, make a candidate as `flows.train_classifier` does, and write its bundle."""
    clock, params = _Clock(), read_params()
    records = clock.time("read the log", lambda: list(open_store(store).read()))
    labelled = clock.time("read the texts, label", lambda: label(records, SCALED_RULE))
    texts = len({record.text for record in records})
    records.clear()
    candidate = clock.time(
        "train, calibrate, convert, prove parity",
        lambda: make_candidate(labelled, SCALED_RULE, params=params, gate=read_gate()),
    )
    with TemporaryDirectory() as folder:
        manifest = clock.time("write the bundle", lambda: write_candidate(candidate, Path(folder) / "bundle"))
    return Training(
        rows=labelled.records,
        texts=texts,
        reads=len(labelled.reads),
        trained_on=min(len(candidate.split.train), params.rows.most),
        terms=candidate.trained.terms_fitted,
        columns=len(candidate.trained.vocabulary.columns),
        rounds=candidate.trained.rounds,
        manifest_sha256=manifest,
        stages=tuple(clock.stages),
    )


def _cpu_seconds() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def main() -> None:
    parser = ArgumentParser(prog="python -m benchmarks.offline.training", description=__doc__)
    logging.basicConfig(level=logging.INFO, format="offline: %(message)s")
    parser.add_argument("store", help="URL of the query log store")
    sys.stdout.write(json.dumps(asdict(train_on(parser.parse_args().store))) + "\n")


if __name__ == "__main__":
    main()
