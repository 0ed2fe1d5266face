"""What the servers carry, made for the run: our bundle and its history, and the rivals' models in their environment."""

import json
import subprocess
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

from infra.local.processes import server_environment
from infra.local.scale import SCALED_RULE
from infra.local.servers.programs import ROOT
from models.candidate import make_candidate, write_candidate
from models.dataset import Labelled, label
from models.exclusions import read_exclusions
from models.gate import read_gate
from models.params import read_params
from smart_routing.errors import InputError
from smart_routing.history.snapshot import MOST_KEYS, Snapshot
from smart_routing.querylog.source import read_query_log
from smart_routing.sources.source import MANIFEST_DIGEST

RIVALS: Final = "benchmarks.http.rivals"
FOR_THE_RUN: Final = timedelta(days=36500)
"""How long the snapshot of an old log counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """Files that servers are started with; `environment` is the rivals'."""

    bundle: Path
    history: Path
    environment: Path | None
    models: Path

    def program(self, name: str) -> Path:
        """One of the rivals' environment; raises `InputError` without it."""
        found = self.environment / "bin" / name if self.environment else None
        if found is None or not found.exists():
            raise InputError(f"{found or name} is missing: expected the rivals' environment, which `make rivals` makes")
        return found

    @property
    def variables(self) -> dict[str, str]:
        """What the rivals' programs are told."""
        return {
            "PATH": f"{self.program('python').parent}:/usr/bin:/bin",
            "PYTHONPATH": str(ROOT),
            "RIVAL_MODELS": str(self.models),
            "RIVAL_BUNDLE": str(self.bundle),
            "BENTOML_CONFIG_OPTIONS": "api_server.logging.access.enabled=false",
            "BENTOML_DO_NOT_TRACK": "True",
        }


def make(events: str, folder: Path, *, environment: Path | None) -> Carried:
    """Train both kinds of model on the log, ours alone without an environment of rivals.

    Raises `InputError` where there is no such environment.
    """
    carried = Carried(
        bundle=folder / "bundle", history=folder / "history.npz", environment=environment, models=folder / "models"
    )
    if environment is not None:
        carried.program("python")  # before the work, not after it
    labelled = label(list(read_query_log(events, rejects=None)), SCALED_RULE, read_exclusions())
    _make_ours(labelled, carried)
    if environment is not None:
        _make_theirs(labelled, carried, folder)
    return carried


def _make_ours(labelled: Labelled, carried: Carried) -> None:
    """The gate is not asked: the benchmark is about time."""
    candidate = make_candidate(labelled, SCALED_RULE, params=read_params(), gate=read_gate())
    (carried.bundle / MANIFEST_DIGEST).write_text(write_candidate(candidate, carried.bundle))
    end = max(example.ended_at for example in labelled.examples) + timedelta(hours=1)
    carried.history.write_bytes(
        Snapshot.of(labelled.history, end, rule=SCALED_RULE, ttl=FOR_THE_RUN, most_keys=MOST_KEYS)
    )


def _make_theirs(labelled: Labelled, carried: Carried, folder: Path) -> None:
    carried.models.mkdir()
    log = folder / "texts.jsonl"
    rows = (json.dumps({"sql": example.request.sql, "heavy": example.heavy}) for example in labelled.reads)
    log.write_text("\n".join(rows))
    for module, arguments in (("train_text", [log, carried.models]), ("save_ours", [carried.models / "mlflow-ours"])):
        subprocess.run(
            [carried.program("python"), "-m", f"{RIVALS}.{module}", *arguments],
            cwd=ROOT,
            env=server_environment(folder, **carried.variables),
            check=True,
            capture_output=True,
        )
