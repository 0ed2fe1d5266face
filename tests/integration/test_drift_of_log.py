"""Drift in the bundled log, as models trained on its first days see the days after: a tenant arrives on the 10th.

The last tests do to the log what clocks and collectors do: an hour off, late, twice, gone for a night.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import pandas as pd
import pytest

from infra.local.loop import EVENTS
from infra.local.scale import SCALED_RULE
from models.candidate import make_candidate
from models.dataset import Labelled, label
from models.gate import read_gate
from models.params import read_params
from monitoring.drift.signals import drift_signals, last_windows
from monitoring.frame import TENANT, monitoring_frame
from monitoring.policy import Verdict, judge
from monitoring.reference import Reference, make_reference
from monitoring.thresholds import read_thresholds
from monitoring.window import Window
from smart_routing.inference import Model
from smart_routing.querylog.parquet import ParquetStore
from smart_routing.querylog.parts import open_parts
from smart_routing.querylog.records import QueryRecord
from smart_routing.querylog.source import read_query_log

RULES = read_thresholds()
RESEARCH = "lake.research"


@dataclass(frozen=True)
class Watched:
    """A version, its reference, and all statements as it sees them."""

    model: Model
    reference: Reference
    statements: pd.DataFrame

    def told(self, records: Iterable[QueryRecord]) -> "Watched":
        """The same, had the query log held these."""
        found = label([record for record in records if record.create_time < october(15)], SCALED_RULE)
        requests = [example.request for example in found.reads]
        return replace(self, statements=monitoring_frame(requests, self.model, found.history))

    def verdict(self, day: int, *, without: Iterable[str] = ()) -> Verdict:
        """Of the report that closes a day of October."""
        window = Window.before(october(day) + timedelta(days=1), timedelta(days=1))
        current = self.statements[~self.statements[TENANT].isin(list(without))].reset_index(drop=True)
        return judge(drift_signals(self.reference, current, last_windows(window, RULES), RULES).signals, RULES)


def october(day: int) -> datetime:
    return datetime(2026, 10, day, tzinfo=UTC)


@cache
def log() -> tuple[QueryRecord, ...]:
    return tuple(read_query_log(EVENTS, rejects=None))


@cache
def labelled(until: int) -> Labelled:
    return label([record for record in log() if record.create_time < october(until)], SCALED_RULE)


@cache
def watched(until: int) -> Watched:
    """By the version made from the log before a day of October."""
    past = labelled(until)
    candidate = make_candidate(past, SCALED_RULE, params=read_params(seed=0), gate=read_gate())
    learnt, held_out = (
        [example.request for example in block]
        for block in (candidate.split.train, candidate.split.calibration + candidate.split.holdout)
    )
    reference = make_reference(
        learnt, held_out, model=candidate.model, gain=candidate.trained.gain, history=past.history
    )
    return Watched(candidate.model, reference, pd.DataFrame()).told(log())


@pytest.mark.parametrize(("until", "day"), [(9, 9), (12, 12), (12, 13), (14, 14)], ids=str)
def test_days_like_those_that_a_version_was_made_from_are_quiet(until: int, day: int) -> None:
    assert watched(until).verdict(day).kind == "none"


def test_the_new_tenant_is_named_once_it_stayed_two_days_by_what_it_asks_and_how_it_looks_to_the_model() -> None:
    arrived, stayed = (watched(9).verdict(day) for day in (10, 11))
    assert arrived.kind == "none"
    assert f"in too few windows so far, new tenant {RESEARCH}: " in arrived.reason
    assert stayed.kind == "retrain"
    assert stayed.tenants == (RESEARCH,)
    assert {signal.tier.value for signal in stayed.signals} == {"prediction", "features"}
    assert stayed.reason.startswith(f"New tenant {RESEARCH}: ")


@pytest.mark.parametrize("day", range(9, 15), ids=str)
def test_without_the_new_tenant_every_day_is_quiet_the_weekend_too(day: int) -> None:
    assert watched(9).verdict(day, without=[RESEARCH]).kind == "none"


@pytest.mark.parametrize("tenant", ["lake.supply", "lake.pricing"])
def test_any_tenant_that_a_version_was_made_without_is_named(tenant: str) -> None:
    version = watched(9)
    rows = version.reference.rows
    reference = Reference(rows[rows[TENANT] != tenant].reset_index(drop=True), version.reference.gain)
    verdict = replace(version, reference=reference).verdict(12, without=[RESEARCH])
    assert (verdict.kind, verdict.tenants) == ("retrain", (tenant,))


@pytest.mark.parametrize("hours", [-1, 1])
def test_clusters_whose_clocks_are_an_hour_off_change_no_verdict(hours: int) -> None:
    version = watched(9)
    off = version.told(later(record, hours) if record.create_time >= october(9) else record for record in log())
    for day, kind in ((9, "none"), (10, "none"), (11, "retrain")):
        found, usual = off.verdict(day), version.verdict(day)
        assert found.kind == kind
        assert (found.tenants, {one.name for one in found.signals}) == (
            usual.tenants,
            {one.name for one in usual.signals},
        )


def later(record: QueryRecord, hours: int) -> QueryRecord:
    by = timedelta(hours=hours)
    return replace(record, create_time=record.create_time + by, end_time=record.end_time + by)


def test_events_two_days_late_are_no_data_and_once_they_are_stored_twice_the_verdict_of_any_other_night(
    tmp_path: Path,
) -> None:
    store, version = ParquetStore(open_parts(str(tmp_path), None)), watched(9)
    store.append(record for record in log() if record.create_time < october(10))
    nights = [version.told(store.read()).verdict(day) for day in (10, 11)]
    assert [verdict.kind for verdict in nights] == ["no data", "no data"]
    assert nights[1].reason == "The query log has no read statement from 2026-10-11 00:00 to 2026-10-12 00:00 UTC."
    for _ in range(2):
        store.append(log())
    assert version.told(store.read()).verdict(12) == version.verdict(12)


def test_a_night_without_events_is_told_and_the_next_report_is_as_any_other() -> None:
    start, end = october(8) + timedelta(hours=20), october(9) + timedelta(hours=6)
    version = watched(9)
    seen = version.told(record for record in log() if not start <= record.create_time < end)
    assert seen.verdict(9).kind == "alert"
    assert seen.verdict(9).reason == (
        "2026-10-09 00:00 to 06:00 (UTC) is without statements; 6.4% of a day's usually come then. "
        "Nothing is to be learnt from such data."
    )
    assert [(seen.verdict(day).kind, seen.verdict(day).tenants) for day in (10, 11)] == [
        ("none", ()),
        ("retrain", (RESEARCH,)),
    ]


def test_a_missed_report_is_made_up_for_by_the_next() -> None:
    """A day whose events never come leaves the days before and after it."""
    version = watched(9)
    seen = version.told(record for record in log() if not october(11) <= record.create_time < october(12))
    assert [(seen.verdict(day).kind, seen.verdict(day).tenants) for day in (11, 12)] == [
        ("no data", ()),
        ("retrain", (RESEARCH,)),
    ]
