"""What every threshold would have given on the judged rows."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.cost import misrouting_cost
from models.scoring import Scored
from smart_routing.labels import LabelRule

MOST_POINTS: Final = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """One point a threshold, from everything heavy that scores rank to nothing of it; all of shape (n,).

    Rates and shares are in [0, 1], cost is in CPU seconds (models/cost.py). Of many thresholds `MOST_POINTS` are kept.
    """

    false_negative_rate: NDArray[np.float64]
    false_positive_rate: NDArray[np.float64]
    light_share: NDArray[np.float64]
    cost: NDArray[np.float64]


def curve(rows: Scored, rule: LabelRule) -> Curve:
    """The rows have both classes."""
    if_heavy = misrouting_cost(rows, threshold=-np.inf, rule=rule)
    if_light = misrouting_cost(replace(rows, score=np.full(len(rows), -np.inf)), threshold=0.0, rule=rule)
    order = np.argsort(rows.score, kind="stable")
    ranked = np.unique(rows.score[np.isfinite(rows.score)])
    thresholds = np.append(ranked, np.inf)
    thresholds = thresholds[np.unique(np.linspace(0, len(thresholds) - 1, MOST_POINTS).astype(np.intp))]
    light = np.searchsorted(rows.score[order], thresholds, side="left")
    missed = _before(rows.heavy[order], light)
    heavy = int(rows.heavy.sum())
    return Curve(
        false_negative_rate=missed / heavy,
        false_positive_rate=1.0 - (light - missed) / (len(rows) - heavy),
        light_share=light / len(rows),
        cost=_before(if_light[order], light) + if_heavy.sum() - _before(if_heavy[order], light),
    )


def _before(values: NDArray[np.float64] | NDArray[np.bool_], places: NDArray[np.intp]) -> NDArray[np.float64]:
    """Sums of all that comes before each place."""
    sums: NDArray[np.float64] = np.concatenate([[0.0], np.cumsum(values, dtype=np.float64)])[places]
    return sums
