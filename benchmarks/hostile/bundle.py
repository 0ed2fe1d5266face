"""The model that hostile statements are decided by: one with a real vocabulary, made from the bundled log."""

from pathlib import Path

from infra.local.demo import EVENTS
from infra.local.scale import SCALED_RULE
from models import package
from models.candidate import make_candidate
from models.dataset import label
from models.gate import read_gate
from models.params import read_params
from smart_routing.bundle import MANIFEST
from smart_routing.querylog.source import read_query_log


def make_bundle(folder: Path) -> None:
    """Trains, and writes the bundle as a path source has it; nothing where it is there."""
    told = folder / f"{MANIFEST.removesuffix('.json')}.sha256"
    if told.exists():
        return
    labelled = label(read_query_log(str(EVENTS), rejects=None), SCALED_RULE)
    candidate = make_candidate(labelled, SCALED_RULE, params=read_params(), gate=read_gate())
    digest = package.write(candidate.model, candidate.trained, candidate.split.calibration, folder)
    told.write_text(f"{digest}  {MANIFEST}\n")
