"""Shares before and after a change, by hand and by draws."""

import math
from collections.abc import Iterator
from random import Random

import pytest

from serving.reload.shift import Shift, Strata

TEMPLATES = 12


def strata(**shares: tuple[int, int]) -> Strata:
    """Each stratum: so many events of so many."""
    made = Strata()
    for stratum, (events, trials) in shares.items():
        for number in range(trials):
            made.add(stratum, event=number < events)
    return made


def test_one_stratum_by_hand() -> None:
    shift = Shift.between(strata(a=(10, 100)), strata(a=(30, 100)))
    assert (shift.earlier, shift.trials, shift.events) == (100, 100, 30)
    variance = 100 * 100 * 40 * 160 / (200**2 * 199)
    assert shift.deviations == pytest.approx((30 - 20) / math.sqrt(variance))
    assert (shift.expected, shift.rise, shift.loss) == pytest.approx((10, 0.2, -2.0))


def test_strata_add_up() -> None:
    shift = Shift.between(strata(a=(10, 100), b=(50, 50)), strata(a=(1, 10), b=(5, 20)))
    assert (shift.trials, shift.events) == (30, 6)
    assert (shift.expected, shift.loss) == pytest.approx((21, 15 / 21))
    assert shift.deviations < -4


def test_another_mix_of_the_same_is_no_shift() -> None:
    shift = Shift.between(strata(light=(0, 900), heavy=(100, 100)), strata(light=(0, 10), heavy=(190, 190)))
    assert (shift.rise, shift.loss, shift.deviations) == (0, 0, 0)


def test_what_was_not_there_before_does_not_count() -> None:
    shift = Shift.between(strata(a=(10, 20)), strata(new=(50, 50)))
    assert (shift.trials, shift.events, shift.deviations, shift.rise, shift.loss) == (0, 0, 0, 0, 0)


def drawn(random: Random, trials: int, shares: list[float]) -> Strata:
    made = Strata()
    for _ in range(trials):
        template = random.randrange(TEMPLATES)
        made.add(template, event=random.random() < shares[template])
    return made


def deviations(*, draws: int, shares: list[float], seed: int) -> Iterator[float]:
    random = Random(seed)
    for _ in range(draws):
        yield Shift.between(drawn(random, 400, shares), drawn(random, 100, shares)).deviations


@pytest.mark.parametrize("share", [0.1, 0.5], ids=str)
def test_deviations_are_those_of_a_normal_distribution_where_nothing_changed(share: float) -> None:
    shares = [share * (0.5 + number / (TEMPLATES - 1)) for number in range(TEMPLATES)]
    found = sorted(deviations(draws=2000, shares=shares, seed=11))
    beyond = [sum(abs(value) > limit for value in found) / len(found) for limit in (1.0, 2.0, 3.0)]
    assert beyond == pytest.approx([0.317, 0.0455, 0.0027], abs=0.03)
    assert 0.001 <= beyond[2] + 0.001 <= 0.008
