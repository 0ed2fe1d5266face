import numpy as np
import pytest

from monitoring.truth.sequential import ALPHA, refute

BOUND = 0.05


def streams(rate: float, *, length: int, count: int = 500, seed: int = 0) -> list[list[bool]]:
    random = np.random.default_rng(seed)
    return [(random.random(length) < rate).tolist() for _ in range(count)]


@pytest.mark.parametrize("rate", [BOUND, 0.02, 0.0])
def test_bound_that_holds_is_seldom_refuted_however_often_one_looks(rate: float) -> None:
    fired = [refute(stream, BOUND).refuted_at is not None for stream in streams(rate, length=2000)]
    assert sum(fired) <= ALPHA * len(fired)


def test_bound_that_holds_only_on_average_given_the_past_is_seldom_refuted() -> None:
    random = np.random.default_rng(3)
    fired = 0
    for _ in range(500):
        stream = np.zeros(1000, dtype=bool)
        for place in range(1000):
            stream[place] = random.random() < (0.0 if stream[max(0, place - 3) : place].any() else BOUND)
        fired += refute(stream.tolist(), BOUND).refuted_at is not None
    assert fired <= ALPHA * 500


@pytest.mark.parametrize("bound", [0.01, 0.02, 0.05, 0.1])
def test_four_times_the_bound_is_found_within_few_misses(bound: float) -> None:
    length = int(40 / bound)
    found = [refute(stream, bound).refuted_at for stream in streams(4 * bound, length=length)]
    delays = [delay for delay in found if delay is not None]
    assert len(delays) == len(found)
    assert np.median(delays) * 4 * bound <= 6  # misses until the alarm, one time in two
    assert np.quantile(delays, 0.9) * 4 * bound <= 17


def test_p_value_is_that_of_the_richest_moment() -> None:
    bad, good = [True] * 3, [False] * 500
    assert refute(bad + good, BOUND).p_value == refute(bad, BOUND).p_value < ALPHA
    assert refute(bad + good, BOUND).refuted_at == refute(bad, BOUND).refuted_at


def test_nothing_seen_says_nothing() -> None:
    test = refute([], BOUND)
    assert (test.p_value, test.refuted_at, test.heavies) == (1.0, None, 0)


@pytest.mark.parametrize("bound", [0.0, 0.5, float("nan")])
def test_bound_out_of_range_is_refused(bound: float) -> None:
    with pytest.raises(ValueError, match="expected more than 0 and less than"):
        refute([True], bound)
