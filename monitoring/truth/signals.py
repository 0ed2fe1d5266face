"""`truth_signals`: what events say of a version's decisions in one window, for `monitoring.policy` to judge."""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile
from typing import Final

from scipy.stats import binom, fisher_exact

from monitoring.policy import FELL
from monitoring.signals import Signal, Tier
from monitoring.truth.cost import CostShift, cost_shifts
from monitoring.truth.outcomes import JOINED, Fate, Followed, Outcome
from monitoring.truth.rates import is_false_alarm, is_missed, tenant_of, units_of
from monitoring.truth.sequential import refute
from monitoring.window import Window
from smart_routing.labels import LabelRule

HEAVY_MISSES: Final = "heavy_misses"
FALSE_ALARMS: Final = "false_alarms"
LABEL_COVERAGE: Final = "label_coverage"

LEAST_COVERAGE: Final = 0.8
"""Of decisions that should have an event by now; below it, rates are of who knows which statements."""
FALSE_ALARM_RISE: Final = 0.1
COST_FACTOR: Final = 1.5
CERTAIN_NEW_TEXTS: Final = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """The version that is watched: its certified bound (None without a certificate), its rule, the end of its data."""

    bound: float | None
    rule: LabelRule
    known_until: datetime


def truth_signals(
    followed: Sequence[Followed], outcomes: Collection[Outcome], *, window: Window, watched: Watched
) -> tuple[Signal, ...]:
    """The signals of one window; nothing is remembered from one call to the next.

    `followed` are the decisions of the watched version alone, in order of submission, from where the test of its bound
    shall begin (when it began to serve, or a week ago) to at least the window's end; `outcomes` are those of the
    window, joined or not, and of the weeks before `watched.known_until`. Both as known when this is called: a window
    asked about again later may have more labels. What was submitted after the window changes nothing.
    """
    until = [one for one in followed if one.decision.submitted_at < window.end]
    current = [one for one in until if one.decision.submitted_at >= window.start]
    shifts = cost_shifts(outcomes, window, known_until=watched.known_until, rule=watched.rule)
    return (
        _coverage(current, window),
        *_heavy_misses(_settled(until), watched.bound, window),
        _false_alarms(until, window),
        *(_cost(shift, window) for shift in shifts),
    )


def _coverage(current: Sequence[Followed], window: Window) -> Signal:
    fates = Counter(one.fate for one in current)
    joined = sum(fates[fate] for fate in JOINED)
    due = len(current) - fates[Fate.PENDING]
    return Signal(
        name=LABEL_COVERAGE,
        tier=Tier.QUALITY,
        window=window,
        reference=LEAST_COVERAGE,
        current=joined / due if due else None,
        p_value=float(binom.cdf(joined, due, LEAST_COVERAGE)) if due else 1.0,
        is_large=joined < LEAST_COVERAGE * due,
        sentence=f"{joined} of {due} decisions have an event by now, at least {LEAST_COVERAGE:.0%} should",
    )


def _settled(followed: Sequence[Followed]) -> list[Followed]:
    """Up to the first whose label is waited for: small kills a missed heavy long before large ends one that was caught.

    A test that took labels as they come would see the misses first, and cry wolf early on.
    """
    return list(takewhile(lambda one: one.fate is not Fate.PENDING, followed))


def _heavy_misses(settled: Sequence[Followed], bound: float | None, window: Window) -> Iterator[Signal]:
    """Of all, then of every tenant with a heavy statement."""
    if bound is None:
        return
    units = units_of(settled)
    yield _misses_of(units, bound, window, tenant=None)
    for tenant in sorted({tenant_of(one) for one in units}):
        yield _misses_of([one for one in units if tenant_of(one) == tenant], bound, window, tenant=tenant)


def _misses_of(units: Sequence[Followed], bound: float, window: Window, *, tenant: str | None) -> Signal:
    test = refute([is_missed(one) for one in units], bound)
    whose = f" of tenant {tenant}" if tenant else ""
    told = f"{test.missed} of {test.heavies} heavy template-schema-days{whose} were sent to small"
    return Signal(
        name=HEAVY_MISSES,
        tier=Tier.TRUTH,
        window=window,
        tenant=tenant,
        reference=bound,
        current=test.missed / test.heavies if test.heavies else None,
        p_value=test.p_value,
        is_large=test.missed > bound * test.heavies,
        sentence=f"{told}, the certificate allows {bound:.0%}",
    )


def _false_alarms(followed: Sequence[Followed], window: Window) -> Signal:
    """Light statements called heavy, against those of the version's earlier windows; one row a template-schema-day."""
    alarmed, light = _alarms([one for one in followed if one.decision.submitted_at >= window.start])
    usual_alarmed, usual_light = _alarms([one for one in followed if one.decision.submitted_at < window.start])
    share, usual = alarmed / max(1, light), usual_alarmed / max(1, usual_light)
    table = [[alarmed, light - alarmed], [usual_alarmed, usual_light - usual_alarmed]]
    return Signal(
        name=FALSE_ALARMS,
        tier=Tier.TRUTH,
        window=window,
        reference=usual if usual_light else None,
        current=share if light else None,
        p_value=float(fisher_exact(table, alternative="greater").pvalue),
        is_large=light > 0 < usual_light and share - usual >= FALSE_ALARM_RISE,
        sentence=f"{share:.0%} of {light} light template-schema-days were called heavy, {usual:.0%} before",
    )


def _alarms(followed: Sequence[Followed]) -> tuple[int, int]:
    """How many light units were called heavy, and how many there are."""
    first: dict[str, Followed] = {}
    for one in followed:
        if one.outcome is not None and one.outcome.is_read and not one.outcome.heavy:
            first.setdefault(one.outcome.unit, one)
    return sum(map(is_false_alarm, first.values())), len(first)


def _cost(shift: CostShift, window: Window) -> Signal:
    return Signal(
        name=f"{shift.cost}_of_same_templates{FELL if shift.fell else ''}",
        tier=Tier.COST,
        window=window,
        tenant=shift.tenant,
        reference=1.0,
        current=shift.factor,
        p_value=shift.p_value,
        is_large=(1.0 / shift.factor if shift.fell else shift.factor) >= COST_FACTOR,
        sentence=_cost_sentence(shift),
    )


def _cost_sentence(shift: CostShift) -> str:
    count = f"{shift.templates} {'template' if shift.templates == 1 else 'templates'}"
    cost = "CPU" if shift.cost == "cpu" else shift.cost
    same = f"the same {count} take {shift.factor:.{1 if shift.factor >= 1 else 2}f} times the {cost} that they took"
    texts = shift.texts
    changed = "changed too" if texts.p_value < CERTAIN_NEW_TEXTS else "did not change"
    return f"{same}; the texts {changed} ({texts.share:.0%} of the templates are new, {texts.usual_share:.0%} usually)"
