"""20,000 fuzzed requests in the router's application, a share of them over HTTP: none dear, none fatal, none odd."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from benchmarks.fuzz import OVER_HTTP, fuzz
from benchmarks.hostile.record import Record
from tests.bundles import JoinModel

REQUESTS: Final = 20_000


@pytest.mark.timeout(600)  # a minute on a machine of its own
def test_fuzzed_requests_are_answered_within_the_contract(tmp_path: Path, figure: Callable[[str], None]) -> None:
    JoinModel().publish(tmp_path / "v1.0.0")
    fuzzed = fuzz(Record(seed=0), tmp_path / "fuzz.json", requests=REQUESTS, bundle=tmp_path / "v1.0.0")
    figure(f"fuzz: {fuzzed}")
    assert fuzzed.record.findings == []
    assert fuzzed.record.costs.total() == REQUESTS
    assert fuzzed.record.over_http > 0.9 * REQUESTS / OVER_HTTP
    assert fuzzed.record.outcomes["model"] > 0.2 * REQUESTS
