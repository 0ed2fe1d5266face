"""Drift in the bundled log, as models trained on its first days see the days after: a tenant arrives on the 10th."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache

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
from smart_routing.querylog.records import QueryRecord
from smart_routing.querylog.source import read_query_log

RULES = read_thresholds()
RESEARCH = "lake.research"


@dataclass(frozen=True)
class Watched:
    """A version's reference, and all statements as it sees them."""

    reference: Reference
    statements: pd.DataFrame

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
def labelled(until: int = 15) -> Labelled:
    return label([record for record in log() if record.create_time < october(until)], SCALED_RULE)


@cache
def watched(until: int) -> Watched:
    """By the version made from the log before a day of October."""
    past, whole = labelled(until), labelled()
    candidate = make_candidate(past, SCALED_RULE, params=read_params(seed=0), gate=read_gate())
    learnt, held_out = (
        [example.request for example in block]
        for block in (candidate.split.train, candidate.split.calibration + candidate.split.holdout)
    )
    reference = make_reference(
        learnt, held_out, model=candidate.model, gain=candidate.trained.gain, history=past.history
    )
    requests = [example.request for example in whole.reads]
    return Watched(reference, monitoring_frame(requests, candidate.model, whole.history))


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
    made_without = Watched(
        Reference(rows[rows[TENANT] != tenant].reset_index(drop=True), version.reference.gain), version.statements
    )
    verdict = made_without.verdict(12, without=[RESEARCH])
    assert (verdict.kind, verdict.tenants) == ("retrain", (tenant,))
