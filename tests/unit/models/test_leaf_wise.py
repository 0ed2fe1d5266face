"""LightGBM's trees and the same trees as ONNX."""

import re
from types import ModuleType

import numpy as np
import pytest
from numpy.typing import NDArray

from models.convert import compare
from models.params import TrainParams, read_params
from models.train import Targets
from smart_routing.features.schema import DENSE_NAMES
from smart_routing.inference import open_session, scores

COLUMNS = len(DENSE_NAMES) + 20
ROWS = 600


@pytest.fixture(scope="module")
def leaf_wise(lightgbm_library: None) -> ModuleType:
    from models.contenders import leaf_wise  # a module that needs the library

    return leaf_wise


@pytest.fixture(scope="module")
def params() -> TrainParams:
    params = read_params()
    return params.model_copy(update={"rounds": params.rounds.model_copy(update={"most": 80})})


def vectors(seed: int, *, missing: float) -> NDArray[np.float32]:
    """As terms and costs are: many absent, few values, some large; the first columns are always there in training."""
    random = np.random.default_rng(seed)
    drawn = np.exp(random.normal(size=(ROWS, COLUMNS)) * 4).round(2).astype(np.float32)
    drawn[:, 5:15] = random.integers(0, 3, size=(ROWS, 10))
    absent = random.random((ROWS, COLUMNS)) < missing
    absent[:, :15] &= seed > 0
    drawn[absent] = np.nan
    return drawn


def targets(found: NDArray[np.float32]) -> NDArray[np.float32]:
    """Soft labels that depend on a value, on an absence and on a count."""
    margin = np.log1p(found[:, 0]) + 2 * np.isnan(found[:, -1]) - found[:, 5]
    soft: NDArray[np.float32] = (1 / (1 + np.exp(-margin))).astype(np.float32)
    return soft


def split(found: NDArray[np.float32]) -> Targets:
    """The last fifth is watched."""
    return Targets(learnt=found[: len(found) * 4 // 5], whole=found)


@pytest.fixture(scope="module")
def learnt() -> NDArray[np.float32]:
    return vectors(0, missing=0.4)


def on_the_thresholds(model: str, base: NDArray[np.float32]) -> NDArray[np.float32]:
    """For each split a row whose value is the float32 nearest to the threshold, and both of its neighbours."""
    splits, values = (
        [word for line in re.findall(rf"^{name}=(.*)$", model, re.MULTILINE) for word in line.split()]
        for name in ("split_feature", "threshold")
    )
    made: list[NDArray[np.float32]] = []
    for column, value in zip(map(int, splits), map(np.float32, values), strict=True):
        for near in (value, np.nextafter(value, np.float32(np.inf)), np.nextafter(value, np.float32(-np.inf))):
            row = base[len(made) % ROWS].copy()
            row[column] = near
            made.append(row)
    return np.stack(made)


def test_onnx_decides_as_lightgbm_does_whatever_is_absent(
    leaf_wise: ModuleType, learnt: NDArray[np.float32], params: TrainParams
) -> None:
    booster = leaf_wise.boost(learnt, split(targets(learnt)), params)
    session = open_session(leaf_wise.to_onnx(booster))
    hostile = [
        learnt,
        vectors(1, missing=0.0),
        vectors(2, missing=0.7),
        np.full((1, COLUMNS), np.nan, dtype=np.float32),
        np.zeros((1, COLUMNS), dtype=np.float32),
        on_the_thresholds(booster.model_to_string(), learnt),
    ]
    for rows in hostile:
        native, converted = leaf_wise.predict(booster, rows), scores(session, rows)
        for threshold in np.quantile(native, [0.1, 0.5, 0.9]) + 2e-6:
            compare(native, converted, threshold=threshold, engine="LightGBM")
    assert np.corrcoef(leaf_wise.predict(booster, learnt), targets(learnt))[0, 1] > 0.9


def test_same_data_and_seed_give_the_same_trees(
    leaf_wise: ModuleType, learnt: NDArray[np.float32], params: TrainParams
) -> None:
    first, second, other = (
        leaf_wise.to_onnx(leaf_wise.boost(learnt, split(targets(learnt)), params.model_copy(update={"seed": seed})))
        for seed in (0, 0, 1)
    )
    assert first == second != other


@pytest.mark.parametrize(
    "threshold", ["0.1", "1.0000000180025095e-35", "2544105.5000000005", "-0.3", "inf", "16777217"]
)
def test_no_float32_lies_between_a_threshold_and_the_one_that_onnx_gets(leaf_wise: ModuleType, threshold: str) -> None:
    below = np.float32(leaf_wise._float32_below(threshold))
    assert float(below) <= float(threshold)
    assert np.isinf(below) or float(np.nextafter(below, np.float32(np.inf))) > float(threshold)
