"""Save our model as MLflow can serve it."""

import sys
from pathlib import Path

import mlflow

if __name__ == "__main__":
    mlflow.pyfunc.save_model(sys.argv[1], python_model=str(Path(__file__).with_name("pyfunc_ours.py")))
