"""A version that is too slow is refused, and one that only seems so is not."""

import time
from collections.abc import Callable, Iterator
from itertools import chain, repeat

import pytest

from serving.reload.latency_gate import FEWEST_ROUNDS, MOST_ROUNDS, LatencyGate, Pace
from smart_routing.errors import BundleError
from smart_routing.inference import Model
from tests.bundles import JoinModel

Load = Callable[..., Model]


@pytest.fixture
def load(tmp_path_factory: pytest.TempPathFactory) -> Load:
    return lambda **fields: JoinModel(**fields).load(tmp_path_factory.mktemp("bundle") / "b", version="1")


class Scripted:
    """A gate whose clock makes each decision take the next of `seconds`: the candidate's, then the other's."""

    def __init__(self, seconds: Iterator[float], *, most_seconds: float = 1.0) -> None:
        self.decisions = 0
        self._seconds = seconds
        self._now = 0.0
        self._is_running = False
        self.gate = LatencyGate(most_seconds=most_seconds, most_slowdown=2.0, clock=self._clock, pause=self._pause)

    def _pause(self) -> None:
        self.decisions += 1

    def _clock(self) -> float:
        self._now += next(self._seconds) if self._is_running else 0.0
        self._is_running = not self._is_running
        return self._now


def pairs(*seconds: tuple[float, float]) -> Iterator[float]:
    """Rounds of one golden row each; the last goes on."""
    return chain(chain.from_iterable(seconds), chain.from_iterable(repeat(seconds[-1])))


def test_version_within_the_limits_is_let_in_after_a_few_rounds(load: Load) -> None:
    scripted = Scripted(pairs((0.0019, 0.001)))
    scripted.gate.check(load(), load())
    assert scripted.decisions == 2 * FEWEST_ROUNDS


def test_slow_version_is_refused_after_all_rounds_with_the_reason(load: Load) -> None:
    scripted = Scripted(pairs((0.0022, 0.001)))
    with pytest.raises(
        BundleError, match=r"v1-\w+ is too slow: median of a decision is 2\.20 ms, 2\.2 times .*: expected 2 at most"
    ):
        scripted.gate.check(load(), load())
    assert scripted.decisions == 2 * MOST_ROUNDS


def test_rounds_that_noise_made_slow_do_not_count(load: Load) -> None:
    noise = [(0.05, 0.001)] * (MOST_ROUNDS - 1)
    Scripted(pairs(*noise, (0.001, 0.05))).gate.check(load(), load())


def test_cap_holds_without_a_version_in_force(load: Load) -> None:
    with pytest.raises(BundleError, match=r"p99 of a decision is 50\.00 ms: expected 49 ms at most"):
        Scripted(repeat(0.05), most_seconds=0.049).gate.check(load(), None)
    Scripted(repeat(0.05), most_seconds=0.051).gate.check(load(), None)


@pytest.mark.parametrize(
    ("best", "expected"),
    [
        pytest.param([3.0], Pace(3.0, 3.0), id="one"),
        pytest.param([1.0, 1.0, 1.0, 1.0, 11.0], Pace(1.0, 10.6), id="one-of-five-slow"),
    ],
)
def test_pace_is_of_each_statements_best_time(best: list[float], expected: Pace) -> None:
    assert (Pace.of(best).median, Pace.of(best).p99) == pytest.approx((expected.median, expected.p99))


def test_trees_that_take_their_time_are_found_out_on_a_busy_machine(load: Load) -> None:
    gate = LatencyGate(most_seconds=1.0, most_slowdown=2.0, clock=time.thread_time, pause=lambda: None)
    gate.check(load(per_join=0.5), load())
    with pytest.raises(BundleError, match="too slow"):
        gate.check(load(work=2**21), load())
