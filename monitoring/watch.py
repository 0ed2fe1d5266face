"""Whether a version that has just begun to serve does harm: misses, failures, or more than the routers put up with."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from monitoring.signals import Signal, Tier
from monitoring.truth.join import Digest, join
from monitoring.truth.outcomes import HORIZON
from monitoring.truth.sequential import refute
from monitoring.truth.signals import LEAST_COVERAGE
from monitoring.window import CLOCKS_APART, Window
from smart_routing.decision_log import LoggedDecision
from smart_routing.labels import LabelRule, QueryWeight
from smart_routing.querylog.records import QueryRecord
from smart_routing.routing import Reason
from smart_routing.statistics import lower_limit, upper_limit

JUDGED: Final = frozenset({Reason.MODEL, Reason.KNOWN_HEAVY_TEMPLATE})
"""Reads whose weight the chain decided; a version answers for them as its certificate does."""

FAILURES: Final = frozenset({Reason.MODEL_ERROR, Reason.DEADLINE})
CONFIDENCE: Final = 0.9999
"""Of each limit of a share of failures, which is looked at every minute."""
FEWEST_WITHOUT: Final = 20
"""Decisions of the model in a row, the last ones, by another version: the routers have let go of this one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchLimits:
    """What a version may do: `bound` on missed units, refuted by `miss_odds`, and `error_rise` of the failures."""

    bound: float
    miss_odds: float
    fewest_heavies: int
    error_rise: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """A version at work: decisions before and since it began, records since; `digest` joins where there are no ids.

    `gaps` say in words what could not be read.
    """

    version: int
    window: Window
    before: Sequence[LoggedDecision]
    since: Sequence[LoggedDecision]
    records: Sequence[QueryRecord]
    rule: LabelRule
    digest: Digest | None = None
    gaps: tuple[str, ...] = ()


def watch(watched: Watched, limits: WatchLimits) -> tuple[Signal, ...]:
    """The signals that speak against the version; none where it does what it should or too little is known."""
    found = (_misses(watched, limits), _failures(watched, limits), _undone(watched))
    return tuple(signal for signal in found if signal is not None)


def unheard_of(watched: Watched) -> str | None:
    """In words, that too few of the version's decisions have met their event for misses to show; else None."""
    waits = watched.window.end - HORIZON
    due = [one for one in _of_version(watched.since, watched.version) if one.submitted_at <= waits]
    joined = len(join(due, watched.records, digest=watched.digest).pairs)
    if joined >= LEAST_COVERAGE * len(due):
        return None
    return f"{joined} of {len(due)} decisions have an event by now"


def is_since(decision: LoggedDecision, number: int, began: datetime) -> bool:
    """Whether it was made since a version began; what a router whose clock is late decided by it is dated before."""
    return decision.time >= (began - CLOCKS_APART if _is_by(decision, number) else began)


def heavy_units(watched: Watched) -> tuple[bool, ...]:
    """Whether each heavy template x schema x day since the version began was sent to small, by its first statement."""
    decisions = [one for one in _of_version(watched.since, watched.version) if one.reason in JUDGED]
    heavy = [record for record in watched.records if record.weight(watched.rule) is QueryWeight.HEAVY]
    pairs = join(decisions, heavy, digest=watched.digest).pairs
    units: dict[tuple[object, ...], bool] = {}
    for pair in sorted(pairs, key=lambda pair: (pair.record.end_time, pair.record.query_id)):
        unit = (pair.decision.template, pair.record.catalog, pair.record.schema, pair.record.create_time.date())
        units.setdefault(unit, pair.decision.decision == QueryWeight.LIGHT)
    return tuple(units.values())


def _of_version(decisions: Iterable[LoggedDecision], number: int) -> Iterator[LoggedDecision]:
    return (decision for decision in decisions if _is_by(decision, number))


def _is_by(decision: LoggedDecision, number: int) -> bool:
    """Routers name a version `v7-` and the first of its digest."""
    return (decision.model_version or "").startswith(f"v{number}-")


def _misses(watched: Watched, limits: WatchLimits) -> Signal | None:
    units = heavy_units(watched)
    if len(units) < limits.fewest_heavies:
        return None
    test = refute(units, limits.bound)
    if test.wealth < limits.miss_odds:
        return None
    return Signal(
        name="heavy_misses",
        tier=Tier.TRUTH,
        window=watched.window,
        reference=limits.bound,
        current=test.missed / test.heavies,
        p_value=test.p_value,
        is_large=True,
        sentence=(
            f"{test.missed} of {test.heavies} heavy templates were sent to the small cluster since version "
            f"{watched.version} serves, where the bound is {limits.bound:.0%}"
        ),
    )


def _failures(watched: Watched, limits: WatchLimits) -> Signal | None:
    since = [decision.reason in FAILURES for decision in _of_version(watched.since, watched.version)]
    before = [decision.reason in FAILURES for decision in watched.before]
    usual, now = upper_limit(sum(before), len(before), CONFIDENCE), lower_limit(sum(since), len(since), CONFIDENCE)
    if now - usual <= limits.error_rise:
        return None
    return Signal(
        name="router_errors",
        tier=Tier.TRUTH,
        window=watched.window,
        reference=sum(before) / len(before),
        current=sum(since) / len(since),
        p_value=1 - CONFIDENCE,
        is_large=True,
        sentence=(
            f"{sum(since) / len(since):.1%} of {len(since)} decisions fail or come late since version "
            f"{watched.version} serves, {sum(before) / len(before):.1%} before"
        ),
    )


def _undone(watched: Watched) -> Signal | None:
    """Routers go back from a version that moved their decisions too far (serving/reload/tripwire.py) by themselves.

    The registry is not theirs to change, so it would go on to name a version that nobody serves.
    """
    dated = sorted((one for one in watched.since if one.time >= watched.window.start), key=lambda one: one.time)
    decided = [one for one in dated if one.reason is Reason.MODEL]
    own = set(map(id, _of_version(decided, watched.version)))
    without = decided[max((place for place, one in enumerate(decided, start=1) if id(one) in own), default=0) :]
    if not own or len(without) < FEWEST_WITHOUT:
        return None
    return Signal(
        name="swap_undone",
        tier=Tier.TRUTH,
        window=watched.window,
        reference=0.0,
        current=float(len(without)),
        p_value=1 - CONFIDENCE,
        is_large=True,
        sentence=(
            f"the routers undid the swap to version {watched.version} by themselves: the last {len(without)} decisions "
            f"are by {without[-1].model_version}, and swap_tripped in the routers' log says why"
        ),
    )
