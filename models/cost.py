"""What a wrong decision costs, in CPU seconds."""

import numpy as np
from numpy.typing import NDArray

from models.scoring import Scored
from smart_routing.labels import LabelRule


def misrouting_cost(rows: Scored, *, threshold: float, rule: LabelRule) -> NDArray[np.float64]:
    """CPU seconds lost by each row's decision, shape (n,); 0 where it was right.

    A heavy statement on small burns its CPU up to the limit that kills it, and runs again on large. A light one on
    large takes its CPU from the statements that large is there for. What others wait meanwhile is not in it.
    """
    decided_heavy = rows.score >= threshold
    missed = rows.heavy & ~decided_heavy
    alarmed = ~rows.heavy & decided_heavy
    wasted = cpu_until_killed(rows.cpu_seconds, rule)
    cost: NDArray[np.float64] = np.where(missed, wasted, 0.0) + np.where(alarmed, rows.cpu_seconds, 0.0)
    return cost


def cpu_until_killed(cpu_seconds: NDArray[np.float64], rule: LabelRule) -> NDArray[np.float64]:
    """CPU seconds that heavy statements burn on small before its limit ends them, shape (n,)."""
    return np.minimum(cpu_seconds, rule.cpu_seconds)
