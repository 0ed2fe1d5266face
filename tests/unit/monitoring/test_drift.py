"""The summary: quiet on the same fleet, and what it says of known changes."""

import json
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from monitoring.drift import ColumnDrift, DriftSummary, NewNames, summarise
from monitoring.frame import monitoring_frame
from monitoring.reference import Reference
from monitoring.thresholds import DriftThresholds, read_thresholds
from monitoring.window import Window
from smart_routing.inference import Model
from smart_routing.request import Request
from tests.unit.monitoring.samples import REFERENCE_DAY, WINDOW_DAY, Fleet

THRESHOLDS: DriftThresholds = read_thresholds()
WINDOW = Window.before(WINDOW_DAY + timedelta(days=1), timedelta(days=1))
MORE_JOINS = Fleet(joins=(0.05, 0.1, 0.15, 0.3, 0.4))


def compare(reference: Reference, model: Model, requests: list[Request], *, window: Window = WINDOW) -> DriftSummary:
    return summarise(reference, monitoring_frame(requests, model), window=window, thresholds=THRESHOLDS)


def of_fleet(reference: Reference, model: Model, fleet: Fleet, *, rows: int = 400, seed: int = 5) -> DriftSummary:
    return compare(reference, model, fleet.requests(rows, day=WINDOW_DAY, seed=seed))


def column(summary: DriftSummary, name: str) -> ColumnDrift:
    return next(found for found in summary.columns if found.column == name)


def names(summary: DriftSummary, kind: str) -> NewNames:
    return next(found for found in summary.new_names if found.kind == kind)


@pytest.mark.parametrize("seed", range(5))
def test_the_same_fleet_does_not_drift(reference: Reference, model: Model, seed: int) -> None:
    summary = of_fleet(reference, model, Fleet(), seed=10 + seed)
    assert summary.moved == ()
    assert not any(found.drifted for found in summary.shares)
    assert not any(found.drifted for found in summary.new_names)
    assert not any(found.drifted for found in summary.heavy_columns)
    assert summary.drift_share == 0.0


def test_the_reference_against_itself_is_at_distance_zero(reference: Reference) -> None:
    held_out = reference.held_out.drop(columns="learnt")
    same = replace(reference, rows=pd.concat([reference.held_out, reference.held_out.assign(learnt=True)]))
    summary = summarise(same, held_out, window=WINDOW, thresholds=THRESHOLDS)
    assert max(found.psi for found in summary.columns) == pytest.approx(0.0, abs=1e-3)


def test_more_joins_move_the_join_columns_and_the_prediction(reference: Reference, model: Model) -> None:
    summary = of_fleet(reference, model, MORE_JOINS)
    moved = {found.column for found in summary.moved}
    assert {"join_count", "join_keywords", "heavy_probability"} <= moved
    assert summary.drift_share == pytest.approx(1.0)
    heavy = summary.share("heavy")
    assert heavy is not None
    assert heavy.drifted
    assert heavy.reference < 0.5
    assert heavy.current > 0.75


def test_columns_that_moved_are_told_farthest_first(reference: Reference, model: Model) -> None:
    distances = [found.psi for found in of_fleet(reference, model, MORE_JOINS).moved]
    assert distances == sorted(distances, reverse=True)


def test_scores_among_the_heavy_are_compared_apart(reference: Reference, model: Model) -> None:
    usual_share, dearer = Fleet(joins=(0.3, 0.3, 0.0, 0.0, 0.4)), {"heavy_probability", "join_count"}
    summary = of_fleet(reference, model, usual_share, rows=900)
    heavy = summary.share("heavy")
    assert heavy is not None
    assert not heavy.drifted
    assert dearer <= {found.column for found in summary.heavy_columns if found.drifted}


def test_a_new_tenant_is_told_by_name(reference: Reference, model: Model) -> None:
    fleet = Fleet(tenants=("ads", "fraud", "finance") * 5 + ("research",))
    found = names(of_fleet(reference, model, fleet), "tenant")
    assert found.drifted
    assert found.names == ("lake.research",)
    assert found.reference == 0.0
    assert 0.02 < found.current < 0.15


def test_new_users_are_counted_and_not_named(reference: Reference, model: Model) -> None:
    found = names(of_fleet(reference, model, Fleet(users=18)), "user")
    assert found.drifted
    assert found.names == ()


def test_new_templates_are_drift_only_beyond_the_usual(reference: Reference, model: Model) -> None:
    assert not names(of_fleet(reference, model, Fleet()), "template").drifted
    assert names(of_fleet(reference, model, Fleet(columns=400)), "template").drifted


def test_one_stray_statement_of_a_new_tenant_is_no_drift(reference: Reference, model: Model) -> None:
    requests = Fleet().requests(60, day=WINDOW_DAY, seed=8)
    stray = replace(requests[0], schema="elsewhere")
    found = names(compare(reference, model, [*requests, stray]), "tenant")
    assert found.current > 0.0
    assert not found.drifted


@pytest.mark.parametrize("rows", [0, 49], ids=["empty", "one too few"])
def test_too_few_rows_are_not_compared(reference: Reference, model: Model, rows: int) -> None:
    summary = of_fleet(reference, model, Fleet(), rows=rows)
    assert not summary.compared
    assert summary.current_rows == rows


def test_a_window_inside_the_reference_is_compared_with_the_rest(reference: Reference, model: Model) -> None:
    window = Window.before(REFERENCE_DAY + timedelta(days=1), timedelta(hours=6))
    requests = Fleet().requests(400, day=REFERENCE_DAY + timedelta(hours=18), seed=4)
    assert compare(reference, model, requests, window=window).reference_rows < len(reference)


def test_surer_scores_on_learnt_rows_are_not_taken_for_drift(reference: Reference, model: Model) -> None:
    overfitted = reference.rows.copy()
    overfitted.loc[overfitted["learnt"], "heavy_probability"] = 0.0
    summary = of_fleet(replace(reference, rows=overfitted), model, Fleet())
    assert not column(summary, "heavy_probability").drifted


def test_the_calendar_is_not_compared(reference: Reference, model: Model) -> None:
    compared = {found.column for found in of_fleet(reference, model, Fleet()).columns}
    assert not compared & {"hour_of_day", "day_of_week"}


def test_repeats_of_a_statement_are_one_piece_of_evidence(reference: Reference, model: Model) -> None:
    few = MORE_JOINS.requests(20, day=WINDOW_DAY, seed=6)
    repeated = compare(reference, model, few * 20)
    varied = of_fleet(reference, model, MORE_JOINS)
    assert column(repeated, "join_count").limit > column(varied, "join_count").limit


def test_gain_shares_add_up(reference: Reference, model: Model) -> None:
    shares = {found.column: found.gain_share for found in of_fleet(reference, model, Fleet()).columns}
    assert shares["join_keywords"] == pytest.approx(0.6)
    assert sum(shares.values()) == pytest.approx(1.0)


def test_summary_is_plain_json(reference: Reference, model: Model) -> None:
    document = json.loads(json.dumps(of_fleet(reference, model, MORE_JOINS).as_json(), allow_nan=False))
    assert document["window"]["start"] == "2026-10-09T00:00:00+00:00"
    assert any(found["drifted"] for found in document["columns"])
    assert np.isclose(document["drift_share"], 1.0)
