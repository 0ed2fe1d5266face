"""Signals of windows: quiet on the same fleet, and what they say of known changes."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from monitoring.drift.signals import Drift, drift_signals, last_windows
from monitoring.frame import monitoring_frame
from monitoring.policy import hear
from monitoring.reference import Reference
from monitoring.signals import Signal, Tier
from monitoring.thresholds import read_thresholds
from monitoring.window import Window
from smart_routing.features.context import bucket
from smart_routing.inference import Model
from smart_routing.request import Request
from tests.unit.monitoring.samples import REFERENCE_DAY, WINDOW_DAY, Fleet

RULES = read_thresholds()
DAY = timedelta(days=1)
WINDOW = Window.before(WINDOW_DAY + DAY, DAY)
MORE_JOINS = Fleet(joins=(0.05, 0.1, 0.15, 0.3, 0.4))


def compare(reference: Reference, model: Model, requests: Sequence[Request], *, window: Window = WINDOW) -> Drift:
    return drift_signals(reference, monitoring_frame(requests, model), last_windows(window, RULES), RULES)


def of_fleet(reference: Reference, model: Model, fleet: Fleet, *, rows: int = 400, seed: int = 5) -> Drift:
    return compare(reference, model, fleet.requests(rows, day=WINDOW_DAY, seed=seed))


def heard(drift: Drift) -> set[tuple[str, str | None]]:
    return {(signal.name, signal.tenant) for signal in hear(drift.signals, RULES.false_discovery_rate)}


def signal(drift: Drift, name: str, tenant: str | None) -> Signal:
    asked = (s for s in drift.signals if (s.name, s.tenant, s.window) == (name, tenant, WINDOW))
    return next(asked)


@pytest.mark.parametrize("seed", range(5))
def test_the_same_fleet_is_quiet(reference: Reference, model: Model, seed: int) -> None:
    drift = of_fleet(reference, model, Fleet(), seed=10 + seed)
    assert heard(drift) == set()
    assert drift.moved == ()
    assert drift.drift_share == 0.0


def test_another_mix_of_tenants_and_hours_is_quiet(reference: Reference, model: Model) -> None:
    requests = Fleet(tenants=("ads",) * 6 + ("fraud", "finance")).requests(600, day=WINDOW_DAY, seed=3)
    late = [request for request in requests if request.submitted_at.hour >= 8 or request.schema == "fraud"]
    assert heard(compare(reference, model, late)) == set()


def test_more_joins_move_the_features_and_the_prediction(reference: Reference, model: Model) -> None:
    drift = of_fleet(reference, model, MORE_JOINS)
    assert {("join_count", None), ("join_keywords", None), ("heavy_share", None)} <= heard(drift)
    assert {"join_count", "join_keywords", "heavy_probability"} <= {found.column for found in drift.moved}
    assert drift.drift_share == pytest.approx(1.0)
    heavy = signal(drift, "heavy_share", None)
    assert heavy.reference is not None
    assert heavy.current is not None
    assert heavy.current - heavy.reference > 0.25
    assert heavy.sentence.startswith(f"{heavy.current:.1%} of the statements are called heavy, usually ")


def test_the_tenant_that_changed_is_named_and_no_other(reference: Reference, model: Model) -> None:
    requests = [
        *(r for r in Fleet().requests(600, day=WINDOW_DAY, seed=4) if r.schema != "ads"),
        *(replace(r, schema="ads") for r in MORE_JOINS.requests(150, day=WINDOW_DAY, seed=5)),
    ]
    found = heard(compare(reference, model, requests))
    assert ("join_count", "lake.ads") in found
    assert {tenant for _, tenant in found} <= {"lake.ads", None}


def test_scores_among_the_heavy_are_compared_apart(reference: Reference, model: Model) -> None:
    usual_share = Fleet(joins=(0.3, 0.3, 0.0, 0.0, 0.4))
    found = heard(of_fleet(reference, model, usual_share, rows=900))
    assert ("heavy_share", None) not in found
    assert ("heavy_probability_of_heavy", None) in found


def test_a_new_tenant_is_named_and_blamed_alone(reference: Reference, model: Model) -> None:
    drift = of_fleet(reference, model, Fleet(tenants=("ads", "fraud", "finance") * 5 + ("research",)))
    found = heard(drift)
    assert ("new_tenant", "lake.research") in found
    assert {tenant for _, tenant in found} == {"lake.research"}
    share = signal(drift, "new_tenant", "lake.research").current
    assert share is not None
    assert 0.02 < share < 0.15


def test_new_users_are_counted_and_not_named(reference: Reference, model: Model) -> None:
    drift = of_fleet(reference, model, Fleet(users=18))
    assert ("new_user", None) in heard(drift)
    assert not any("user#" in found.sentence for found in drift.signals)


def test_new_templates_are_drift_only_beyond_the_usual(reference: Reference, model: Model) -> None:
    assert ("new_template", None) not in heard(of_fleet(reference, model, Fleet()))
    assert ("new_template", None) in heard(of_fleet(reference, model, Fleet(columns=400)))


def test_one_stray_statement_of_a_new_tenant_is_no_drift(reference: Reference, model: Model) -> None:
    requests = Fleet().requests(60, day=WINDOW_DAY, seed=8)
    stray = replace(requests[0], schema="elsewhere")
    assert heard(compare(reference, model, [*requests, stray])) == set()


@pytest.mark.parametrize("rows", [0, 49], ids=["empty", "one too few"])
def test_too_few_rows_are_counted_and_not_compared(reference: Reference, model: Model, rows: int) -> None:
    drift = of_fleet(reference, model, Fleet(), rows=rows)
    assert not drift.compared
    assert [found.name for found in drift.signals] == ["statements"]
    assert drift.signals[0].current == rows


def test_a_window_inside_the_reference_is_compared_with_the_rest(reference: Reference, model: Model) -> None:
    window = Window.before(REFERENCE_DAY + DAY, timedelta(hours=6))
    requests = Fleet().requests(400, day=REFERENCE_DAY + timedelta(hours=18), seed=4)
    drift = compare(reference, model, requests, window=window)
    assert drift.compared
    assert drift.reference_rows < len(reference)


def test_windows_that_the_version_was_made_from_are_not_asked(reference: Reference, model: Model) -> None:
    days = [REFERENCE_DAY + DAY, WINDOW_DAY - DAY, WINDOW_DAY]
    requests = [request for day in days for request in Fleet().requests(300, day=day, seed=day.day)]
    asked = {found.window.start for found in compare(reference, model, requests).signals}
    assert min(asked) == WINDOW_DAY - DAY


def test_windows_are_asked_one_by_one(reference: Reference, model: Model) -> None:
    requests = [
        *MORE_JOINS.requests(400, day=WINDOW_DAY - DAY, seed=6),
        *Fleet().requests(400, day=WINDOW_DAY, seed=7),
    ]
    drift = compare(reference, model, requests)
    moved = {found.window.start for found in hear(drift.signals, RULES.false_discovery_rate)}
    assert {start.date() for start in moved} == {(WINDOW_DAY - DAY).date()}


def test_surer_scores_on_learnt_rows_are_not_taken_for_drift(reference: Reference, model: Model) -> None:
    overfitted = reference.rows.copy()
    overfitted.loc[overfitted["learnt"], "heavy_probability"] = 0.0
    drift = of_fleet(replace(reference, rows=overfitted), model, Fleet())
    assert ("heavy_probability", None) not in heard(drift)


def test_the_calendar_is_not_compared(reference: Reference, model: Model) -> None:
    drift = of_fleet(reference, model, Fleet())
    told = {found.column for found in drift.columns} | {found.name for found in drift.signals}
    assert not told & {"hour_of_day", "day_of_week"}


def test_repeats_of_a_statement_are_one_piece_of_evidence(reference: Reference, model: Model) -> None:
    few = MORE_JOINS.requests(20, day=WINDOW_DAY, seed=6)
    repeated, varied = compare(reference, model, few * 20), of_fleet(reference, model, MORE_JOINS)
    assert signal(repeated, "join_count", None).p_value > signal(varied, "join_count", None).p_value


def test_sizes_are_the_independent_rows_of_both_sides(reference: Reference, model: Model) -> None:
    before, now = of_fleet(reference, model, Fleet()).sizes
    assert 0 < now <= 400
    assert 0 < before <= len(reference)


@pytest.mark.parametrize(
    ("column", "value", "name"),
    [("parse_status", 1.0, "unparsed"), ("user", bucket("user", ""), "no_user"), ("tenant", ".", "no_catalog")],
)
def test_bad_rows_are_told(reference: Reference, model: Model, column: str, value: float | str, name: str) -> None:
    frame = monitoring_frame(Fleet().requests(400, day=WINDOW_DAY, seed=9), model)
    frame.loc[frame.index % 5 == 0, column] = value
    found = drift_signals(reference, frame, last_windows(WINDOW, RULES), RULES)
    assert name in {s.name for s in hear(found.signals, RULES.false_discovery_rate) if s.tier is Tier.QUALITY}
    assert signal(found, name, None).current == pytest.approx(0.2)


def test_hours_without_statements_are_told_with_what_usually_comes_then(reference: Reference, model: Model) -> None:
    requests = [r for r in Fleet().requests(400, day=WINDOW_DAY, seed=9) if not 13 <= r.submitted_at.hour < 17]
    drift = compare(reference, model, requests)
    assert ("missing_hours", None) in heard(drift)
    assert "2026-10-09 13:00 to 17:00 (UTC) is without statements" in signal(drift, "missing_hours", None).sentence


def test_gain_shares_add_up(reference: Reference, model: Model) -> None:
    shares = {found.column: found.gain_share for found in of_fleet(reference, model, Fleet()).columns}
    assert shares["join_keywords"] == pytest.approx(0.6)
    assert sum(shares.values()) == pytest.approx(1.0)


def test_drift_is_plain_json(reference: Reference, model: Model) -> None:
    document = json.loads(json.dumps(of_fleet(reference, model, MORE_JOINS).as_json(), allow_nan=False))
    assert document["window"]["start"] == "2026-10-09T00:00:00+00:00"
    assert any(found["drifted"] for found in document["columns"])
    assert np.isclose(document["drift_share"], 1.0)


@pytest.mark.parametrize("night", [datetime(2026, 10, 10, 1, 30), datetime(2026, 10, 10)], ids=str)
def test_windows_end_one_after_the_other_where_the_report_does(night: datetime) -> None:
    end = pd.Timestamp(night, tz="UTC").to_pydatetime()
    windows = last_windows(Window.before(end, DAY), RULES)
    assert windows.newest.end == windows.short[-1].end == end
    for series in (windows.long, windows.short):
        assert all(before.end == after.start for before, after in pairwise(series))
    assert windows.start == end - 3 * DAY
