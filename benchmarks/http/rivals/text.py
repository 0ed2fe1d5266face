"""The rivals' text model in a process: words to P(heavy), without pandas on the way."""

import os
from pathlib import Path
from typing import Any

import joblib


class TextModel:
    """The pickled pipeline's two steps."""

    def __init__(self, pipeline: Any) -> None:
        self._words = pipeline.named_steps["text"].named_transformers_["tfidf"]
        self._trees = pipeline.named_steps["trees"]

    def heavy(self, sql: str) -> float:
        """P(heavy) of a text."""
        return float(self._trees.predict_proba(self._words.transform([sql]))[0, 1])


def text_model() -> TextModel:
    """That of the environment."""
    return TextModel(joblib.load(Path(os.environ["RIVAL_MODELS"]) / "pipeline.joblib"))
