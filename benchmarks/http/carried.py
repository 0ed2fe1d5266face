"""What the servers carry, made for the run: our bundle and its history, and the rivals' models in their environment."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.trained import history_after, labelled_log, trained, write_bundle
from infra.local.processes import server_environment
from infra.local.servers.programs import ROOT
from models.dataset import Labelled
from smart_routing.errors import InputError

RIVALS: Final = "benchmarks.http.rivals"


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
    labelled = labelled_log(events)
    write_bundle(trained(labelled), carried.bundle)
    carried.history.write_bytes(history_after(labelled))
    if environment is not None:
        _make_theirs(labelled, carried, folder)
    return carried


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
