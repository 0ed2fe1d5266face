import numpy as np
import pytest

from models.calibrate import calibrate
from smart_routing.bundle import Certificate
from tests.unit.models.examples import rows

LIGHT = [number / 1000 for number in range(300)]


def heavies(count: int) -> list[float]:
    return [0.5 + number / (3 * count) for number in range(count)]


@pytest.mark.parametrize(
    ("count", "bound", "allowed"),
    [(58, 0.10, 1), (59, 0.05, 0), (149, 0.02, 0), (299, 0.01, 0)],
    ids=["58", "59", "149", "299"],
)
def test_smallest_supported_bound_is_certified(count: int, bound: float, allowed: int) -> None:
    block = rows(LIGHT + heavies(count), [False] * len(LIGHT) + [True] * count)
    found = calibrate(block, blind=block, confidence=0.95, min_light_share=0.3)
    assert found.threshold.certificate == Certificate(
        bound=bound, confidence=0.95, heavies=count, misses_allowed=allowed
    )


def test_threshold_misses_no_more_heavy_units_than_allowed() -> None:
    scores = heavies(200)
    block = rows(LIGHT + scores, [False] * len(LIGHT) + [True] * 200)
    found = calibrate(block, blind=block, confidence=0.95, min_light_share=0.3)
    assert found.threshold.certificate is not None
    missed = sum(score < found.threshold.value for score in scores)
    assert missed == found.threshold.certificate.misses_allowed


def test_threshold_equals_no_score_and_keeps_its_distance() -> None:
    scores = heavies(59)
    close = [scores[0] - 1e-6, scores[0] - 2e-6]
    block = rows(LIGHT + close + scores, [False] * (len(LIGHT) + 2) + [True] * 59)
    found = calibrate(block, blind=block, confidence=0.95, min_light_share=0.3).threshold.value
    assert found < min(close)
    assert np.abs(block.score - found).min() > 1e-5


def test_too_few_heavy_units_support_nothing_and_all_goes_to_large() -> None:
    block = rows([*LIGHT, 0.9], [False] * len(LIGHT) + [True])
    found = calibrate(block, blind=block, confidence=0.95, min_light_share=0.3)
    assert found.threshold.certificate is None
    assert found.threshold.value == 0.0
    assert "No bound is supported by 1 heavy" in found.summary()


def test_bound_that_leaves_too_little_light_is_passed_over() -> None:
    drowned = [0.0001, *heavies(199)]
    block = rows(LIGHT + drowned, [False] * len(LIGHT) + [True] * 200)
    found = calibrate(block, blind=block, confidence=0.95, min_light_share=0.3)
    assert found.threshold.certificate is not None
    assert found.threshold.certificate.bound == 0.05


def test_repeats_of_a_unit_are_one_piece_of_evidence() -> None:
    names = [f"light{number}" for number in range(len(LIGHT))] + ["same"] * 400
    block = rows(LIGHT + heavies(400), [False] * len(LIGHT) + [True] * 400, unit=names)
    assert calibrate(block, blind=block, confidence=0.95, min_light_share=0.3).heavy_units == 1


def test_heavy_statement_that_a_rule_sends_to_small_counts_as_missed() -> None:
    block = rows([*LIGHT, -np.inf, *heavies(59)], [False] * len(LIGHT) + [True] * 60)
    found = calibrate(block, blind=block, confidence=0.95, min_light_share=0.3)
    assert found.threshold.certificate is not None
    assert found.threshold.certificate.bound == 0.10


def test_no_light_share_asked_for_still_certifies() -> None:
    block = rows(LIGHT + heavies(80), [False] * len(LIGHT) + [True] * 80)
    found = calibrate(block, blind=block, confidence=0.95, min_light_share=0.0).threshold.certificate
    assert found is not None
    assert found.bound == 0.05


def test_threshold_without_history_keeps_the_same_bound_on_its_own_scores() -> None:
    heavy = [False] * len(LIGHT) + [True] * 59
    block = rows(LIGHT + heavies(59), heavy)
    blind = rows(LIGHT + [score - 0.3 for score in heavies(59)], heavy)
    found = calibrate(block, blind=blind, confidence=0.95, min_light_share=0.3).threshold
    assert found.value > 0.3
    assert 0.19 < found.without_history < 0.2
    assert not (blind.score[blind.heavy] < found.without_history).any()


def test_without_history_all_goes_to_large_where_nothing_supports_the_bound() -> None:
    heavy = [False] * len(LIGHT) + [True] * 59
    block = rows(LIGHT + heavies(59), heavy)
    lost = rows(LIGHT + [-np.inf] * 59, heavy)
    assert calibrate(block, blind=lost, confidence=0.95, min_light_share=0.3).threshold.without_history == 0.0
