"""Judging decisions on the holdout: two sets of figures, the heuristic and the champion on the same rows."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, roc_auc_score

from models.cost import misrouting_cost
from models.scoring import Scored
from smart_routing.bundle import Threshold
from smart_routing.labels import LabelRule
from smart_routing.statistics import interval, lower_limit, share_interval, sum_interval

CONFIDENCE: Final = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A figure with its 95% interval; NaN where it is undefined."""

    value: float
    low: float
    high: float


class Share(Estimate):
    """A share of rows or nodes; NaN of none."""

    __slots__ = ()

    def __str__(self) -> str:
        return "-" if math.isnan(self.value) else f"{self.value:.1%} [{self.low:.1%}, {self.high:.1%}]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """How one way of deciding did on one set of rows. Costs are CPU seconds (models/cost.py)."""

    rows: int
    heavy: int
    missed: int
    false_negative_rate: Share
    unit_false_negative_rate: Share
    false_positive_rate: Share
    light_share: float
    cpu_weighted_false_negative_rate: float
    cost: float
    roc_auc: float | None
    average_precision: float | None


class CostDifference(Estimate):
    """One contender's cost less another's on the same rows, the interval paired, over templates."""

    __slots__ = ()

    def __str__(self) -> str:
        return f"{self.value:+.1f} [{self.low:+.1f}, {self.high:+.1f}]"


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationReport:
    """How a candidate did on the holdout. `refuted`: the holdout contradicts the certificate."""

    model: Figures
    routed: Figures
    heuristic: Figures
    all_large: Figures
    champion: Figures | None
    champion_refuted: bool
    cost_difference: CostDifference | None
    threshold: Threshold
    refuted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """Holdout rows scored by one version, and the threshold it decides at."""

    rows: Scored
    threshold: Threshold

    def within(self, part: NDArray[np.bool_]) -> "Contender":
        """The same on a part of the rows."""
        return replace(self, rows=self.rows.where(part))


def evaluate(
    challenger: Contender, heuristic: Scored, *, rule: LabelRule, champion: Contender | None = None
) -> EvaluationReport:
    """Compare the challenger with the heuristic and, where there is one, the champion; all on the same holdout rows."""
    threshold = challenger.threshold.value
    return EvaluationReport(
        model=figures(challenger.rows.by_model(), threshold=threshold, rule=rule),
        routed=figures(challenger.rows, threshold=threshold, rule=rule),
        heuristic=figures(heuristic, threshold=0.0, rule=rule),
        all_large=figures(heuristic, threshold=-np.inf, rule=rule),
        champion=figures(champion.rows, threshold=champion.threshold.value, rule=rule) if champion else None,
        champion_refuted=refutes(champion.rows, champion.threshold) if champion else False,
        cost_difference=cost_difference(challenger, champion, rule) if champion else None,
        threshold=challenger.threshold,
        refuted=refutes(challenger.rows, challenger.threshold),
    )


def figures(rows: Scored, *, threshold: float, rule: LabelRule) -> Figures:
    """Error rates with intervals, light share, cost and ranking of one way of deciding."""
    missed = rows.heavy & (rows.score < threshold)
    units = rows.heavy_units()
    heavy_cpu = rows.cpu_seconds[rows.heavy].sum()
    return Figures(
        rows=len(rows),
        heavy=int(rows.heavy.sum()),
        missed=int(missed.sum()),
        false_negative_rate=_share(rows.where(rows.heavy), lambda part: part.score < threshold),
        unit_false_negative_rate=_share(units, lambda part: part.score < threshold),
        false_positive_rate=_share(rows.where(~rows.heavy), lambda part: part.score >= threshold),
        light_share=_ratio((rows.score < threshold).sum(), len(rows)),
        cpu_weighted_false_negative_rate=_ratio(rows.cpu_seconds[missed].sum(), heavy_cpu),
        cost=float(misrouting_cost(rows, threshold=threshold, rule=rule).sum()),
        roc_auc=_ranking(rows, roc_auc_score),
        average_precision=_ranking(rows, average_precision_score),
    )


def refutes(rows: Scored, threshold: Threshold) -> bool:
    """Whether the one-sided 95% lower limit of the units' FNR exceeds the certified bound; never without one."""
    if threshold.certificate is None:
        return False
    units = rows.heavy_units()
    missed = int((units.score < threshold.value).sum())
    return lower_limit(missed, len(units), CONFIDENCE) > threshold.certificate.bound


def cost_difference(
    ours: Contender, theirs: Contender, rule: LabelRule, *, confidence: float = CONFIDENCE
) -> CostDifference:
    """Our cost less theirs; both decide the same rows, which are drawn together, a template at a time."""
    first, second = (
        misrouting_cost(contender.rows, threshold=contender.threshold.value, rule=rule) for contender in (ours, theirs)
    )
    difference = first - second
    low, high = sum_interval(ours.rows.template, difference, confidence=confidence)
    return CostDifference(value=float(difference.sum()), low=low, high=high)


def _share(rows: Scored, hit: Callable[[Scored], NDArray[np.bool_]]) -> Share:
    """A share with its interval over templates; exact binomial over templates where all rows or none are hit."""
    hits = hit(rows)
    if len(rows) == 0:
        return Share(value=math.nan, low=math.nan, high=math.nan)
    if hits.all() or not hits.any():
        templates = len(np.unique(rows.template))
        low, high = interval(templates if hits.all() else 0, templates, CONFIDENCE)
    else:
        low, high = share_interval(rows.template, hits)
    return Share(value=float(hits.mean()), low=low, high=high)


def _ranking(rows: Scored, metric: Callable[..., float]) -> float | None:
    """None where the scores do not rank: one class only, or nothing but rules, whose rows come first or last else."""
    ranked = bool(np.isfinite(rows.score).any()) and 0 < rows.heavy.sum() < len(rows)
    return float(metric(rows.heavy, rows.score.clip(-1.0, 2.0))) if ranked else None


def _ratio(part: float, whole: float) -> float:
    return float(part / whole) if whole else math.nan
