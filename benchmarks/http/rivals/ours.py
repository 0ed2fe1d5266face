"""Our model as rivals can carry it: features and trees, without policy chain, cache or log."""

from datetime import UTC, datetime
from pathlib import Path

from smart_routing.bundle import read_bundle
from smart_routing.inference import Model
from smart_routing.request import Request


def load(bundle: Path) -> Model:
    """The model of a bundle."""
    return Model.load(read_bundle(bundle), version="0")


def score(model: Model, sql: str) -> float:
    """P(heavy) of a text."""
    return model.score(model.vector(Request(query_id="q", sql=sql, user="ana", submitted_at=datetime.now(UTC))))
