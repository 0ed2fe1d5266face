"""What is told of a score: calibrated, in order, and never against the decision."""

import json
import math
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from smart_routing.bundle import Threshold, read_bundle, write_bundle
from smart_routing.errors import BundleError
from smart_routing.labels import QueryWeight
from smart_routing.probability import AS_SCORED, FARTHEST, STEEPEST, ProbabilityMap
from smart_routing.request import Request
from smart_routing.router import Router
from tests.bundles import JoinModel

MAPS = [
    AS_SCORED,
    ProbabilityMap(slope=1.16, intercept=0.66),
    ProbabilityMap(slope=0.01),
    ProbabilityMap(slope=STEEPEST, intercept=FARTHEST),
    ProbabilityMap(slope=STEEPEST, intercept=-FARTHEST),
]


@pytest.mark.parametrize("told", MAPS, ids=str)
def test_probability_is_the_logistic_of_the_scaled_log_odds(told: ProbabilityMap) -> None:
    scores = np.random.default_rng(0).uniform(1e-4, 1 - 1e-4, 1000).astype(np.float32).astype(float)
    found = np.array([told(score) for score in scores])
    log_odds = told.slope * (np.log(scores) - np.log1p(-scores)) + told.intercept
    np.testing.assert_allclose(found, 1 / (1 + np.exp(-log_odds)), rtol=1e-6)
    assert (np.diff(found[np.argsort(scores)]) >= 0).all()
    assert (told(0.0), told(1.0)) == (0.0, 1.0)


def test_score_without_a_calibration_is_told_as_it_is() -> None:
    assert [AS_SCORED(score) for score in (0.0, 0.25, 0.1, 0.9, 1.0)] == [0.0, 0.25, 0.1, 0.9, 1.0]


@pytest.mark.parametrize("told", MAPS, ids=str)
@pytest.mark.parametrize("threshold", [1e-5, 0.053702, 0.5, 1 - 1e-5], ids=str)
def test_neighbours_of_a_threshold_are_told_on_their_side(told: ProbabilityMap, threshold: float) -> None:
    below, above = math.nextafter(threshold, 0.0), math.nextafter(threshold, 1.0)
    assert told.beside(threshold, below) < told(threshold)
    assert told.beside(threshold, threshold) == told(threshold)
    assert told.beside(threshold, above) >= told(threshold)


@pytest.mark.parametrize(
    ("slope", "intercept"),
    [(0.0, 0.0), (-1.0, 0.0), (STEEPEST + 1, 0.0), (1.0, FARTHEST + 1), (math.nan, 0.0), (1.0, math.nan)],
    ids=["flat", "backwards", "too steep", "too far", "no slope", "no intercept"],
)
def test_map_that_breaks_the_order_is_refused(slope: float, intercept: float) -> None:
    with pytest.raises(ValueError, match="expected a slope"):
        ProbabilityMap(slope=slope, intercept=intercept)


def test_decisions_are_those_of_the_score_and_what_is_told_agrees_with_them(tmp_path: Path) -> None:
    told = ProbabilityMap(slope=1.5, intercept=1.0)
    plain = Router(model=JoinModel().load(tmp_path / "plain", version="1"))
    mapped = Router(model=JoinModel(probability=told).load(tmp_path / "mapped", version="1"))
    for joins in range(5):
        sql = "select * from a" + "".join(f" join t{number} using (x)" for number in range(joins))
        request = Request(query_id="q", sql=sql, user="ana", submitted_at=datetime(2026, 10, 5, tzinfo=UTC))
        raw, found = plain.decide(request), mapped.decide(request)
        assert found.raw_score == raw.raw_score == raw.heavy_probability == min(1.0, 0.25 * joins)
        assert found.weight == raw.weight
        assert found.heavy_probability is not None
        assert found.threshold == told(0.5)
        assert found.heavy_probability == told(0.25 * joins)
        assert (found.heavy_probability >= found.threshold) == (found.weight == QueryWeight.HEAVY)


def test_bundle_made_before_probabilities_were_calibrated_tells_its_scores() -> None:
    document = json.loads(Threshold(value=0.5, without_history=0.4, certificate=None).to_bytes())
    del document["probability"]
    assert Threshold.from_bytes(json.dumps(document).encode()).probability == AS_SCORED


def test_bundle_with_a_map_that_breaks_the_order_is_refused(tmp_path: Path) -> None:
    content = JoinModel().content()
    threshold = json.loads(content["threshold.json"]) | {"probability": {"slope": -1.0, "intercept": 0.0}}
    write_bundle(tmp_path / "bundle", content | {"threshold.json": json.dumps(threshold).encode()})
    with pytest.raises(BundleError, match=r"slope -1\.0"):
        read_bundle(tmp_path / "bundle")
