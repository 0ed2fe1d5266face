"""A bundle's model in MLflow's own form, for the registry's pages and for whoever loads it through MLflow."""

from importlib.metadata import version
from pathlib import Path
from typing import Final

import mlflow.onnx
import numpy as np
import onnx
from mlflow.models import ModelSignature
from mlflow.types import Schema, TensorSpec
from onnxruntime import NodeArg

from smart_routing.inference import Model, golden_request

PROVIDERS: Final = ["CPUExecutionProvider"]  # MLflow's default asks for CUDA first
REQUIREMENTS: Final = ("onnx", "onnxruntime")
_DTYPES: Final = {"tensor(float)": np.float32, "tensor(int64)": np.int64}


def save_mlmodel(model: Model, folder: Path) -> None:
    """Write an MLmodel with signature and input example (the first golden row's vector) into a new folder."""
    (features,) = model.session.get_inputs()
    example = model.vector(golden_request(model.bundle.golden[0]))[np.newaxis, :]
    mlflow.onnx.save_model(
        onnx.load_from_string(model.bundle.model),
        str(folder),
        signature=ModelSignature(
            inputs=Schema([_tensor(features)]), outputs=Schema([_tensor(out) for out in model.session.get_outputs()])
        ),
        input_example={features.name: example},
        pip_requirements=[f"{package}=={version(package)}" for package in REQUIREMENTS],
        onnx_execution_providers=PROVIDERS,
        save_as_external_data=False,
    )


def _tensor(node: NodeArg) -> TensorSpec:
    """A model's input or output as MLflow describes it; a symbolic dimension is -1."""
    shape = tuple(size if isinstance(size, int) else -1 for size in node.shape)
    return TensorSpec(np.dtype(_DTYPES[node.type]), shape, node.name)
