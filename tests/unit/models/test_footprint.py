from itertools import count
from pathlib import Path

import pytest

from models.footprint import ROUNDS, STATEMENTS, bundle_bytes, decision_p99_ms
from smart_routing.history.measures import NO_HISTORY
from smart_routing.request import Request
from tests.bundles import JoinModel
from tests.unit.models.examples import example


class Clock:
    """The n-th request takes n milliseconds in every round; what comes on top of it differs by the round."""

    def __init__(self, extra: list[float], *, statements: int) -> None:
        self._extra, self._statements = extra, statements
        self._calls, self._now = count(), 0.0

    def __call__(self) -> float:
        call = next(self._calls)
        if call % 2:
            turn, place = divmod(call // 2, self._statements)
            self._now += (self._extra[turn] + place) / 1000
        return self._now


def requests(number: int) -> list[Request]:
    return [example(place, heavy=False).request for place in range(number)]


@pytest.mark.parametrize(("given", "asked"), [(101, 101), (2 * STATEMENTS + 1, 201)], ids=["all", "spread"])
def test_latency_is_that_of_requests_in_their_median_round(given: int, asked: int, tmp_path: Path) -> None:
    clock = Clock([500.0, 3.0, 90.0, 2.0, 80.0, 1.0], statements=asked)
    model = JoinModel().load(tmp_path / "bundle", version="1")
    assert ROUNDS == 5
    found = decision_p99_ms(model, requests(given), history=NO_HISTORY, clock=clock)
    assert found == pytest.approx(3.0 + 0.99 * (asked - 1))


def test_size_is_that_of_the_files_that_the_manifest_vouches_for_and_its_own(tmp_path: Path) -> None:
    JoinModel().publish(tmp_path / "bundle")
    files = [path for path in (tmp_path / "bundle").iterdir() if path.name != "manifest.sha256"]
    (tmp_path / "bundle" / "stray").write_text("not part of it")
    assert bundle_bytes(tmp_path / "bundle") == sum(path.stat().st_size for path in files) > 1000
