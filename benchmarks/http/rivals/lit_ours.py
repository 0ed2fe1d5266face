"""LitServe with our model."""

import os
import sys
from pathlib import Path
from typing import Any

import litserve

from benchmarks.http.rivals.ours import load, score


class Weight(litserve.LitAPI):  # type: ignore[misc]  # its package has no types
    """One worker, no batching."""

    def setup(self, device: str) -> None:  # noqa: ARG002  # its contract
        self._model = load(Path(os.environ["RIVAL_BUNDLE"]))

    def decode_request(self, request: dict[str, Any]) -> str:
        sql: str = request["sql"]
        return sql

    def predict(self, sql: str) -> float:
        """One prediction."""
        return score(self._model, sql)

    def encode_response(self, output: float) -> dict[str, float]:
        return {"heavy": output}


if __name__ == "__main__":
    litserve.LitServer(Weight(), accelerator="cpu", workers_per_device=1).run(
        port=int(sys.argv[1]), host="127.0.0.1", generate_client_file=False, log_level="warning"
    )
