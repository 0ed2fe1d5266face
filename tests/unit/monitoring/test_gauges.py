"""Figures of reports reach their readers as they were told, or not at all."""

import json
import math
from datetime import UTC, datetime
from pathlib import Path

import pytest

from monitoring.gauges import GAUGES, Gauge, read_gauges, write_gauges
from smart_routing.errors import GaugeError

NOW = datetime(2026, 10, 10, 1, tzinfo=UTC)
FNR = Gauge("smart_routing_live_fnr", {"tenant": "ads", "view": "routed"}, 0.01)


def test_figures_are_read_as_they_were_written(tmp_path: Path) -> None:
    figures = (
        FNR,
        Gauge("smart_routing_drift_share", {}, 0.25),
        Gauge("smart_routing_live_fnr", {"view": "model"}, 0.0),
    )
    file = write_gauges(tmp_path / "reports", "truth", gauges=figures, written_at=NOW, details={"rows": 7})
    report = read_gauges(tmp_path / "reports", "truth")
    assert report is not None
    assert (report.written_at, report.gauges) == (NOW, figures)
    assert json.loads(file.read_text())["rows"] == 7


def test_a_report_that_was_never_written_is_none(tmp_path: Path) -> None:
    assert read_gauges(tmp_path, "drift") is None


def test_no_gauge_is_declared_twice() -> None:
    assert len({kind.name for kind in GAUGES}) == len(GAUGES)


@pytest.mark.parametrize(
    ("gauges", "told"),
    [
        pytest.param([Gauge("smart_routing_live_fnrs", {}, 0.1)], "is not declared", id="unknown-name"),
        pytest.param([Gauge("smart_routing_live_fnr", {"user": "ana"}, 0.1)], "is not declared", id="unknown-label"),
        pytest.param([Gauge("smart_routing_drift_share", {}, math.nan)], "leave out", id="nan"),
        pytest.param([FNR, FNR], "told twice", id="twice"),
        pytest.param(
            [Gauge("smart_routing_live_fnr", {"tenant": tenant}, 0.1) for tenant in ("", "")],
            "twice",
            id="twice-for-all",
        ),
    ],
)
def test_figures_that_are_not_declared_are_refused_and_the_file_stays(
    tmp_path: Path, gauges: list[Gauge], told: str
) -> None:
    write_gauges(tmp_path, "truth", gauges=[FNR], written_at=NOW)
    with pytest.raises(GaugeError, match=told):
        write_gauges(tmp_path, "truth", gauges=gauges, written_at=NOW)
    report = read_gauges(tmp_path, "truth")
    assert report is not None
    assert report.gauges == (FNR,)


def test_a_moment_without_a_zone_is_refused(tmp_path: Path) -> None:
    with pytest.raises(GaugeError, match="no time zone"):
        write_gauges(tmp_path, "truth", gauges=[], written_at=NOW.replace(tzinfo=None))


def test_a_report_that_is_not_declared_is_refused(tmp_path: Path) -> None:
    with pytest.raises(GaugeError, match="'truths' is not declared: expected one of truth, drift"):
        read_gauges(tmp_path, "truths")


@pytest.mark.parametrize("content", ["", "{", '{"gauges": []}', '{"written_at": "today", "gauges": []}'])
def test_a_file_that_is_no_report_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "truth.json").write_text(content)
    with pytest.raises(GaugeError, match=r"truth\.json is no report"):
        read_gauges(tmp_path, "truth")


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "reports").write_text("a file")
    with pytest.raises(GaugeError, match=r"reports/truth\.json cannot be written"):
        write_gauges(tmp_path / "reports", "truth", gauges=[], written_at=NOW)
