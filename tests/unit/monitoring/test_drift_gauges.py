from datetime import UTC, datetime, timedelta
from pathlib import Path

from monitoring.drift.signals import Drift
from monitoring.drift_gauges import drift_gauges
from monitoring.gauges import Gauge, read_gauges, write_gauges
from monitoring.policy import Verdict
from monitoring.signals import Signal, Tier
from monitoring.window import Window

NIGHT = datetime(2026, 10, 10, tzinfo=UTC)
DAY = Window.before(NIGHT, timedelta(days=1))
HOURS = Window.before(NIGHT, timedelta(hours=6))


def signal(name: str, tenant: str | None = None, window: Window = DAY, current: float | None = 0.2) -> Signal:
    return Signal(name=name, tier=Tier.PREDICTION, window=window, tenant=tenant, current=current)


def written(folder: Path, signals: tuple[Signal, ...], verdict: Verdict) -> tuple[Gauge, ...]:
    drift = Drift(window=DAY, reference_rows=100, current_rows=50, signals=signals)
    write_gauges(folder, "drift", gauges=drift_gauges(drift, signals, verdict), written_at=NIGHT)
    found = read_gauges(folder, "drift")
    assert found is not None
    return found.gauges


def test_a_signal_of_many_windows_is_one_series_that_speaks_where_the_verdict_says(tmp_path: Path) -> None:
    news, shares = signal("new_template", "lake.ads", HOURS), signal("near_threshold_share")
    verdict = Verdict("retrain", "why", (news,), ("lake.ads",))
    gauges = written(tmp_path, (news, signal("new_template", "lake.ads"), shares), verdict)
    said = {(gauge.labels["name"], gauge.labels["tenant"]): gauge.value for gauge in gauges if "tier" in gauge.labels}
    assert said == {("new_template", "lake.ads"): 1.0, ("near_threshold_share", ""): 0.0}


def test_one_verdict_is_in_force_and_the_share_near_the_threshold_is_told(tmp_path: Path) -> None:
    gauges = written(tmp_path, (signal("near_threshold_share"),), Verdict("none", "quiet"))
    kinds = {gauge.labels["kind"]: gauge.value for gauge in gauges if gauge.name == "smart_routing_verdict"}
    assert [kind for kind, value in kinds.items() if value] == ["none"]
    assert {gauge.name: gauge.value for gauge in gauges}["smart_routing_near_threshold_share"] == 0.2


def test_what_is_not_known_is_left_out(tmp_path: Path) -> None:
    gauges = written(tmp_path, (signal("near_threshold_share", current=None),), Verdict("no data", "nothing"))
    assert "smart_routing_near_threshold_share" not in {gauge.name for gauge in gauges}
