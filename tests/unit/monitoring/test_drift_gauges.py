"""The nightly report's verdict, signals and shares reach Prometheus."""

from datetime import timedelta
from pathlib import Path

from monitoring.drift.columns import ColumnDrift
from monitoring.drift.signals import Drift
from monitoring.drift_gauges import drift_gauges
from monitoring.gauges import Gauge, write_gauges
from monitoring.policy import Verdict
from monitoring.signals import Signal, Tier
from monitoring.window import Window
from tests.unit.monitoring.samples import WINDOW_DAY

WINDOW = Window.before(WINDOW_DAY + timedelta(days=1), timedelta(days=1))
EARLIER = Window.before(WINDOW_DAY, timedelta(days=1))
NEAR = Signal(name="near_threshold_share", tier=Tier.PREDICTION, window=WINDOW, current=0.25)
MOVED = Signal(name="join_count", tier=Tier.FEATURES, window=WINDOW, tenant="lake.ads", is_large=True)
BEFORE = Signal(name="join_count", tier=Tier.FEATURES, window=EARLIER, tenant="lake.ads")


def told(gauges: tuple[Gauge, ...], name: str) -> dict[tuple[str, ...], float]:
    return {tuple(gauge.labels.values()): gauge.value for gauge in gauges if gauge.name == f"smart_routing_{name}"}


def test_the_verdict_and_who_speaks_are_told(tmp_path: Path) -> None:
    signals = (NEAR, BEFORE, MOVED)
    drift = Drift(window=WINDOW, reference_rows=10, current_rows=10, signals=signals)
    gauges = drift_gauges(Verdict("retrain", "because", signals=(MOVED,)), signals, drift)
    assert told(gauges, "verdict")["retrain",] == 1
    assert sum(told(gauges, "verdict").values()) == 1
    assert told(gauges, "signal") == {
        ("near_threshold_share", "prediction", "all"): 0,
        ("join_count", "features", "lake.ads"): 1,
    }
    assert told(gauges, "near_threshold_share") == {(): 0.25}
    write_gauges(tmp_path, "drift", gauges=gauges, written_at=WINDOW.end)


def test_what_was_not_compared_has_no_share() -> None:
    nothing = Drift(window=WINDOW, reference_rows=0, current_rows=0)
    gauges = drift_gauges(Verdict("no data", "no statements"), (), nothing)
    assert {gauge.name for gauge in gauges} == {"smart_routing_verdict"}
    assert told(gauges, "verdict")["no data",] == 1


def test_the_gain_in_columns_that_moved_is_told() -> None:
    column = ColumnDrift(column="join_count", distance=0.5, p_value=1e-9, gain_share=0.75, drifted=True)
    drift = Drift(window=WINDOW, reference_rows=9, current_rows=9, columns=(column,))
    assert told(drift_gauges(Verdict("none", "quiet"), (), drift), "drift_share") == {(): column.gain_share}
