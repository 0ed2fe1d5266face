"""The past as one signal: it may fill, and its tables may not grow unheard."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from monitoring.drift.comparison import combined
from monitoring.drift.features import top_features
from monitoring.drift.signals import Drift, drift_signals, last_windows
from monitoring.frame import monitoring_frame
from monitoring.policy import HISTORY, hear
from monitoring.reference import Reference
from monitoring.thresholds import read_thresholds
from monitoring.window import Window
from smart_routing.inference import Model
from tests.unit.monitoring.samples import WINDOW_DAY, Fleet

RULES = read_thresholds()
WINDOW = Window.before(WINDOW_DAY + timedelta(days=1), timedelta(days=1))
GAIN = {"tables_rows": 3.0, "scanned_rows": 2.0, "template_runs": 90.0, "join_count": 5.0}


def with_past(frame: pd.DataFrame, *, known: float, factor: float = 1.0, runs: float = 1.0) -> pd.DataFrame:
    """Sizes of tables where they are known, and how often a template ran."""
    random = np.random.default_rng(len(frame))
    rows = np.where(random.random(len(frame)) < known, random.lognormal(9, 2, len(frame)) * factor, np.nan)
    told = {"tables_rows": rows, "scanned_rows": rows / 2, "template_runs": random.poisson(5, len(frame)) * runs}
    return frame.assign(**{name: values.astype(np.float32) for name, values in told.items()})


def drift_of(
    reference: Reference, model: Model, *, known: float = 0.5, factor: float = 1.0, runs: float = 1.0
) -> Drift:
    before = Reference(with_past(reference.rows, known=0.5), GAIN)
    frame = monitoring_frame(Fleet().requests(600, day=WINDOW_DAY, seed=4), model)
    now = with_past(frame, known=known, factor=factor, runs=runs)
    return drift_signals(before, now, last_windows(WINDOW, RULES), RULES)


def heard(drift: Drift) -> set[tuple[str, str | None]]:
    return {(signal.name, signal.tenant) for signal in hear(drift.signals, RULES.false_discovery_rate)}


@pytest.mark.parametrize(
    ("known", "runs"), [(0.5, 1.0), (1.0, 1.0), (0.5, 20.0)], ids=["as before", "known of all", "twenty times the runs"]
)
def test_a_past_that_fills_is_no_drift(reference: Reference, model: Model, known: float, runs: float) -> None:
    drift = drift_of(reference, model, known=known, runs=runs)
    assert heard(drift) == set()
    assert drift.moved == ()


def test_tables_that_grow_are_heard_as_one_signal(reference: Reference, model: Model) -> None:
    drift = drift_of(reference, model, factor=8.0)
    assert (HISTORY, None) in heard(drift)
    assert {name for name, _ in heard(drift)} == {HISTORY}
    (told,) = (s for s in drift.signals if (s.name, s.tenant, s.window) == (HISTORY, None, WINDOW))
    assert told.sentence.startswith("what the past tells moved (mean PSI ")
    assert {found.column for found in drift.moved} == {"tables_rows", "scanned_rows"}


def test_top_features_have_gain_and_no_past() -> None:
    assert top_features(GAIN | {"sql_length": 7.0, "hour_of_day": 50.0}, 5) == ("sql_length", "join_count")


def test_a_combination_is_as_sure_as_its_surest_part_by_weight() -> None:
    assert combined([0.5, 0.5], [1.0, 1.0]) == pytest.approx(0.5)
    assert combined([1e-6, 0.5], [1.0, 1.0]) == pytest.approx(2e-6, rel=0.01)
    assert combined([1e-6, 0.5], [1.0, 3.0]) == pytest.approx(4e-6, rel=0.01)


def test_a_combination_of_chance_is_chance() -> None:
    random = np.random.default_rng(0)
    found = [combined(random.random(6).tolist(), [1.0, 2.0, 3.0, 1.0, 1.0, 5.0]) for _ in range(2000)]
    assert np.mean(np.array(found) <= 0.05) == pytest.approx(0.05, abs=0.015)


def test_without_a_past_nothing_is_asked_of_it(reference: Reference, model: Model) -> None:
    frame = monitoring_frame(Fleet().requests(600, day=WINDOW_DAY, seed=4), model)
    drift = drift_signals(replace(reference, gain=GAIN), frame, last_windows(WINDOW, RULES), RULES)
    assert not any(signal.name == HISTORY for signal in drift.signals)
