"""Train the model that rivals carry: TF-IDF of the text and boosted trees; no structure, no history."""

import json
import sys
from pathlib import Path
from typing import Final

import joblib
import mlflow
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import Pipeline
from xgboost import XGBClassifier

PIPELINE: Final = "pipeline.joblib"
MLFLOW_MODEL: Final = "mlflow-text"


def main(log: Path, folder: Path) -> None:
    """From JSON Lines of `sql` and `heavy` to a pickled pipeline and the same as a model of MLflow."""
    rows = pd.DataFrame(json.loads(line) for line in log.read_text().splitlines())
    text = TfidfVectorizer(ngram_range=(1, 2), max_features=5000, sublinear_tf=True)
    trees = XGBClassifier(n_estimators=200, max_depth=6, n_jobs=1)
    pipeline = Pipeline([("text", ColumnTransformer([("tfidf", text, "sql")])), ("trees", trees)])
    pipeline.fit(rows[["sql"]], rows["heavy"])
    joblib.dump(pipeline, folder / PIPELINE)
    mlflow.sklearn.save_model(
        pipeline, str(folder / MLFLOW_MODEL), pyfunc_predict_fn="predict_proba", serialization_format="cloudpickle"
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
