"""Our model as a pyfunc of MLflow, logged as code."""

import os
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
from mlflow.pyfunc.model import PythonModel, PythonModelContext

from benchmarks.http.rivals.ours import load, score


class Weight(PythonModel):
    """A column of P(heavy)."""

    def load_context(self, context: PythonModelContext) -> None:  # noqa: ARG002  # its contract
        self._model = load(Path(os.environ["RIVAL_BUNDLE"]))

    def predict(
        self,
        context: PythonModelContext,  # noqa: ARG002  # its contract, as the next but one
        model_input: pd.DataFrame,
        params: dict[str, Any] | None = None,  # noqa: ARG002
    ) -> list[float]:
        """One number a row."""
        return [score(self._model, sql) for sql in model_input["sql"]]


mlflow.models.set_model(Weight())
