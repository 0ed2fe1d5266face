"""The map from scores to P(heavy): recovered from drawn data, and steady where a block says little."""

import numpy as np
import pytest

from models.probability import fit_probability
from smart_routing.probability import AS_SCORED
from tests.unit.models.examples import rows


def test_fit_finds_the_map_that_labels_were_drawn_by() -> None:
    random = np.random.default_rng(0)
    score = random.uniform(0.001, 0.999, 20_000)
    heavy = random.uniform(size=len(score)) < 1 / (1 + np.exp(-(1.4 * np.log(score / (1 - score)) + 0.6)))
    found = fit_probability(rows(score.tolist(), heavy.tolist()))
    assert found.slope == pytest.approx(1.4, abs=0.05)
    assert found.intercept == pytest.approx(0.6, abs=0.05)


def test_repeats_of_a_unit_weigh_as_one() -> None:
    score, heavy, unit = [0.1, 0.3, 0.4, 0.6, 0.9], [False, True, False, True, True], ["a", "b", "c", "d", "e"]
    once = fit_probability(rows(score, heavy, unit=unit))
    often = fit_probability(rows([*score, *[0.4] * 50], [*heavy, *[False] * 50], unit=[*unit, *["c"] * 50]))
    assert (often.slope, often.intercept) == pytest.approx((once.slope, once.intercept), abs=1e-4)


def test_block_that_separates_the_classes_does_not_run_off() -> None:
    found = fit_probability(rows([0.1] * 20 + [0.9] * 20, [False] * 20 + [True] * 20))
    assert found(0.9) == pytest.approx(21 / 22, abs=1e-3)
    assert found(0.1) == pytest.approx(1 / 22, abs=1e-3)


def test_scores_that_say_the_opposite_keep_their_order_and_tell_the_share() -> None:
    found = fit_probability(rows([0.1] * 20 + [0.9] * 20, [True] * 20 + [False] * 20))
    assert 0.45 < found(0.1) < found(0.9) < 0.55


@pytest.mark.parametrize(
    ("score", "heavy"),
    [([], []), ([0.2, 0.8], [True, True]), ([0.2, np.inf], [False, True])],
    ids=["nothing", "one class", "the other class decided by rules"],
)
def test_block_without_both_classes_leaves_scores_as_they_are(score: list[float], heavy: list[bool]) -> None:
    assert fit_probability(rows(score, heavy)) == AS_SCORED
