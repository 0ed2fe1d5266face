"""LightGBM's trees: as XGBoost's are grown in models/train.py, but leaf by leaf; and the same trees as ONNX."""

import re
from typing import Any, Final

import lightgbm as lgb
import numpy as np
import onnx
from numpy.typing import NDArray
from onnxmltools.convert import convert_lightgbm
from onnxmltools.convert.common.data_types import FloatTensorType

from models.params import TrainParams
from models.train import Targets
from smart_routing.features.vector import without_past

_FIXED: Final = {
    "objective": "cross_entropy",  # log-loss of labels in [0, 1]
    "metric": "cross_entropy",
    "bagging_freq": 1,  # without it there is no bagging
    "min_data_in_leaf": 1,  # the weight of a leaf is bounded, as XGBoost does it
    "deterministic": True,
    "force_row_wise": True,  # or it would measure which way is faster
    "num_threads": 1,  # more of them wait for each other on blocks of a few thousand rows
    "verbosity": -1,
}
_MOST_LEAVES: Final = 131_072
"""That LightGBM allows."""
_THRESHOLDS: Final = re.compile(r"(?<=^threshold=).*$", re.MULTILINE)
_SIZES: Final = re.compile(r"^tree_sizes=.*\n", re.MULTILINE)
"""In bytes of this very text; without them trees are read one after another."""


def boost(vectors: NDArray[np.float32], targets: Targets, params: TrainParams) -> lgb.Booster:
    """As many rounds as early stopping chose at the end of the block, grown again on the whole of it.

    Vectors are of shape (n, features), in order of time; every row is there twice, once without its past.
    """
    rounds, settings = params.rounds, _settings(params)
    before = len(targets.learnt)
    learnt = _with_blind_copies(vectors[:before], targets.learnt)
    searched = lgb.train(
        settings,
        learnt,
        rounds.most,
        valid_sets=[lgb.Dataset(vectors[before:], targets.watched, reference=learnt)],
        callbacks=[lgb.early_stopping(rounds.patience, verbose=False)],
    )
    return lgb.train(settings, _with_blind_copies(vectors, targets.whole), searched.best_iteration)


def predict(booster: lgb.Booster, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """P(heavy) of each row by LightGBM itself, shape (n,)."""
    return np.asarray(booster.predict(vectors), dtype=np.float32)


def to_onnx(booster: lgb.Booster) -> bytes:
    """The trees as ONNX: input `features` float[n, columns], output `probabilities` float[n, 2]; NaN is missing."""
    inputs = [("features", FloatTensorType([None, booster.num_feature()]))]
    trees = lgb.Booster(model_str=_convertible(booster.model_to_string()))
    model = convert_lightgbm(trees, name="leaf_wise", initial_types=inputs, target_opset=15, zipmap=False)
    onnx.checker.check_model(model)
    content: bytes = model.SerializeToString(deterministic=True)
    return content


def _settings(params: TrainParams) -> dict[str, Any]:
    """The parameters of our booster under LightGBM's names."""
    ours = params.booster
    return {
        **_FIXED,
        "max_depth": ours.max_depth,
        "num_leaves": min(2**ours.max_depth, _MOST_LEAVES),
        "learning_rate": ours.eta,
        "bagging_fraction": ours.subsample,
        "feature_fraction": ours.colsample_bytree,
        "min_sum_hessian_in_leaf": ours.min_child_weight,
        "lambda_l2": ours.reg_lambda,
        "max_bin": ours.max_bin,
        "seed": params.seed,
    }


def _with_blind_copies(vectors: NDArray[np.float32], targets: NDArray[np.float32]) -> lgb.Dataset:
    return lgb.Dataset(np.concatenate([vectors, without_past(vectors)]), np.concatenate([targets, targets]))


def _convertible(model: str) -> str:
    """The same model's text in words that the converter knows, with thresholds that ONNX can hold.

    Both objectives are the logistic of the trees' sum. ONNX has thresholds as float32, to which a double between two of
    them would be rounded up half of the time, and the row that lies on the upper one would change sides.
    """
    known = model.replace("objective=cross_entropy", "objective=binary sigmoid:1")
    known = known.replace("[objective: cross_entropy]", "[objective: binary]")
    held = _THRESHOLDS.sub(lambda found: " ".join(map(_float32_below, found[0].split())), known)
    return _SIZES.sub("", held)


def _float32_below(threshold: str) -> str:
    """The largest float32 that is not above it: no float32 lies between the two."""
    exact = float(threshold)
    near = np.float32(exact)
    below = near if float(near) <= exact else np.nextafter(near, np.float32(-np.inf))
    return repr(float(below))
