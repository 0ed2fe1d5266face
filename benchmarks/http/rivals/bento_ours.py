"""BentoML with our model."""

import os
from pathlib import Path

import bentoml

from benchmarks.http.rivals.ours import load, score


@bentoml.service(workers=1)
class Weight:
    """One worker, no batching: a decision cannot wait for others."""

    def __init__(self) -> None:
        self._model = load(Path(os.environ["RIVAL_BUNDLE"]))

    @bentoml.api  # type: ignore[untyped-decorator]  # its package has no types here
    async def predict(self, sql: str) -> dict[str, float]:
        """One prediction."""
        return {"heavy": score(self._model, sql)}
