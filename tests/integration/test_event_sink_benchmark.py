"""The benchmark of the event sinks runs; its figures are for people."""

import re

import pytest

from benchmarks.event_sink import main

pytestmark = pytest.mark.service


def test_benchmark_prints_each_pair_and_the_ratios(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--pairs", "2", "--events", "100", "--per-second", "100"]) == 0
    printed = capsys.readouterr().out
    assert len(re.findall(r"pair \d: collector \d+\.\d\d / \d+\.\d\d, empty sink \d+\.\d\d / \d+\.\d\d", printed)) == 2
    assert len(re.findall(r"ratio of (?:medians|p99): \d+\.\d\d \(from \d+\.\d\d to \d+\.\d\d\)", printed)) == 2
