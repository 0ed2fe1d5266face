"""XGBoost to ONNX, and the proof on every row that the two decide alike."""

from dataclasses import dataclass

import numpy as np
import onnx
import xgboost as xgb
from numpy.typing import NDArray
from onnxmltools.convert import convert_xgboost
from onnxmltools.convert.common.data_types import FloatTensorType

from smart_routing.errors import BundleError
from smart_routing.inference import PARITY


@dataclass(frozen=True, slots=True, kw_only=True)
class Parity:
    """How two engines' scores of the same rows differ."""

    rows: int
    flips: int
    largest_difference: float


def to_onnx(booster: xgb.Booster) -> bytes:
    """The trees as ONNX: input `features` float[n, columns], output `probabilities` float[n, 2]; NaN is missing."""
    inputs = [("features", FloatTensorType([None, booster.num_features()]))]
    model = convert_xgboost(booster, name="query_weight_classifier", initial_types=inputs, target_opset=15)
    onnx.checker.check_model(model)
    content: bytes = model.SerializeToString(deterministic=True)
    return content


def compare(
    native: NDArray[np.float32], converted: NDArray[np.float32], *, threshold: float, engine: str = "XGBoost"
) -> Parity:
    """Compare two engines' scores row by row; raises `BundleError` on a flipped decision or a difference > 1e-5."""
    parity = Parity(
        rows=len(native),
        flips=int(((native >= threshold) != (converted >= threshold)).sum()),
        largest_difference=float(np.abs(native - converted).max(initial=0.0)),
    )
    if parity.flips or not parity.largest_difference <= PARITY:  # NaN is no parity
        raise BundleError(
            f"ONNX differs from {engine} on {parity.rows} rows: {parity.flips} decisions flipped, largest difference "
            f"{parity.largest_difference:.1e}; expected 0 and at most {PARITY:.0e}"
        )
    return parity
