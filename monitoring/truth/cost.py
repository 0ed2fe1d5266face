"""`CostShift`: whether the same templates cost a tenant more, or less, than they did, whatever was decided."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from math import comb, exp, log
from statistics import median
from typing import Final

import numpy as np
from scipy.stats import fisher_exact

from monitoring.truth.outcomes import Outcome
from monitoring.window import Window
from smart_routing.labels import LabelRule

LEAST_RUNS: Final = 3
"""Earlier runs of a template in a schema before it can tell of a rise."""
MOST_RUNS: Final = 20
"""The latest earlier runs that count."""
NOISE: Final = 1.25
"""Only beyond this factor is a run dearer than all before it: machines are busier at some hours than at others."""
SMALLEST_SHARE: Final = 0.002
"""Of a limit; cheaper is all the same, as noise of that size never moves a decision."""
SCORE_STEP: Final = 0.1
"""Chances are added up as logarithms in steps of this, which keeps the number of possible sums small."""


class Cost(StrEnum):
    """What a run costs."""

    CPU = "cpu"
    MEMORY = "memory"


@dataclass(frozen=True, slots=True)
class Texts:
    """Of a tenant's distinct templates, how many no earlier statement of it had: in the window, and usually."""

    new: int
    known: int
    usual_new: int
    usual_known: int

    @property
    def share(self) -> float:
        return self.new / max(1, self.new + self.known)

    @property
    def usual_share(self) -> float:
        return self.usual_new / max(1, self.usual_new + self.usual_known)

    @property
    def p_value(self) -> float:
        """Of "no more templates are new than usually" (Fisher's exact test, one-sided)."""
        table = [[self.new, self.known], [self.usual_new, self.usual_known]]
        return float(fisher_exact(table, alternative="greater").pvalue)


@dataclass(frozen=True, slots=True, kw_only=True)
class CostShift:
    """One tenant's templates in one window against their own past, asked whether they rose, or else whether they fell.

    `factor` is the median over templates of (median cost now / median cost before), 1.0 of none; `p_value` is of "no
    run costs more than 1.25 times the most that its template did", or less than the least in 1.25.
    """

    tenant: str
    cost: Cost
    fell: bool
    templates: int
    runs: int
    factor: float
    p_value: float
    texts: Texts


@dataclass(frozen=True, slots=True)
class _Runs:
    """The costs of one template in one schema."""

    now: Sequence[float]
    before: Sequence[float]

    @property
    def log_ratio(self) -> float:
        return log(median(self.now) / median(self.before))

    @property
    def score(self) -> int:
        return self.scores[sum(cost > NOISE * max(self.before) for cost in self.now)]

    @property
    def scores(self) -> list[int]:
        """By how many of now are dearer than all before: the logarithm of that chance, rounded down in `SCORE_STEP`."""
        return [int(-log(chance) / SCORE_STEP) for chance in self.chances]

    @property
    def chances(self) -> list[float]:
        """Of at least 0, 1, ... of the dearest being runs of now (Rosenbaum 1954, Ann. Math. Stat. 25(1))."""
        now, before = len(self.now), len(self.before)
        return [comb(now + before - dearer, before) / comb(now + before, before) for dearer in range(now + 1)]


def cost_shifts(
    outcomes: Iterable[Outcome], window: Window, *, known_until: datetime, rule: LabelRule
) -> tuple[CostShift, ...]:
    """The shifts of CPU and memory, up and then down, of every tenant that repeats itself in the window, by name.

    The past are reads that ended before `known_until`, where the version's data end, and before the window: a version
    that was made from dearer runs takes them for usual. A tenant whose templates are all new has no shift.
    """
    before, now = _sides(outcomes, window, min(known_until, window.start))
    shifts = (
        _shift(tenant, cost, before.get(tenant, ()), runs, limit=limit, fell=fell)
        for tenant, runs in sorted(now.items())
        for cost, limit in ((Cost.CPU, rule.cpu_seconds), (Cost.MEMORY, float(rule.memory_bytes)))
        for fell in (False, True)
    )
    return tuple(shift for shift in shifts if shift.templates)


def _sides(
    outcomes: Iterable[Outcome], window: Window, until: datetime
) -> tuple[dict[str, list[Outcome]], dict[str, list[Outcome]]]:
    """Reads by tenant in order of time: those that ended before `until`, and those of the window."""
    before, now = defaultdict(list), defaultdict(list)
    for outcome in sorted(outcomes, key=lambda found: found.submitted_at):
        if not outcome.is_read:
            continue
        if window.start <= outcome.submitted_at < window.end:
            now[outcome.tenant].append(outcome)
        elif outcome.ended_at < until:
            before[outcome.tenant].append(outcome)
    return before, now


def _shift(
    tenant: str, cost: Cost, before: Sequence[Outcome], now: Sequence[Outcome], *, limit: float, fell: bool
) -> CostShift:
    costs_before, costs_now = (_by_template(side, cost, SMALLEST_SHARE * limit, fell=fell) for side in (before, now))
    pairs = [
        _Runs(costs, costs_before[template][-MOST_RUNS:])
        for template, costs in costs_now.items()
        if len(costs_before.get(template, ())) >= LEAST_RUNS
    ]
    risen = median([runs.log_ratio for runs in pairs] or [0.0])
    return CostShift(
        tenant=tenant,
        cost=cost,
        fell=fell,
        templates=len(pairs),
        runs=sum(len(runs.now) for runs in pairs),
        factor=exp(-risen if fell else risen),
        p_value=_chance_together(pairs),
        texts=_texts(before, now),
    )


def _by_template(outcomes: Sequence[Outcome], cost: Cost, smallest: float, *, fell: bool) -> dict[str, list[float]]:
    """Costs, or what falls as they rise: of that the dearest are the cheapest."""
    found: dict[str, list[float]] = defaultdict(list)
    for outcome in outcomes:
        value = outcome.cpu_seconds if cost is Cost.CPU else float(outcome.memory_bytes)
        kept = max(value, smallest)
        found[outcome.template].append(1.0 / kept if fell else kept)
    return found


def _chance_together(pairs: Sequence[_Runs]) -> float:
    """Of so large a sum of scores where every template's runs might as well have come in any other order; exact."""
    likely = np.ones(1)
    for runs in pairs:
        alone = np.zeros(runs.scores[-1] + 1)
        np.add.at(alone, runs.scores, -np.diff([*runs.chances, 0.0]))
        likely = np.convolve(likely, alone)
    return float(min(1.0, likely[sum(runs.score for runs in pairs) :].sum()))


def _texts(before: Sequence[Outcome], now: Sequence[Outcome]) -> Texts:
    """What is usual is said by the later half of the past's days, each against all days before it."""
    by_day: dict[date, set[str]] = defaultdict(set)
    for outcome in before:
        by_day[outcome.submitted_at.date()].add(outcome.template)
    seen: set[str] = set()
    usual_new = usual_known = 0
    for place, (_, templates) in enumerate(sorted(by_day.items())):
        if 2 * place >= len(by_day):
            usual_new, usual_known = usual_new + len(templates - seen), usual_known + len(templates & seen)
        seen |= templates
    current = {outcome.template for outcome in now}
    return Texts(len(current - seen), len(current & seen), usual_new, usual_known)
