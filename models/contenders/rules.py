"""Contenders that learn nothing: the heuristic, everything to large, and the oracle, which nobody can be."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from models.baseline import score_by_heuristic
from models.contenders.approach import BY_RULE, Contest, Entry, enter
from models.dataset import Example
from models.train import labels


def heuristic(contest: Contest) -> Entry:
    """Long statements and many joins are heavy (models/baseline.py)."""
    return enter(contest, lambda examples: score_by_heuristic(examples).score, threshold=BY_RULE)


def all_heavy(contest: Contest) -> Entry:
    """Misses no statement that is not metadata, and saves nothing."""
    return enter(contest, lambda examples: np.full(len(examples), np.inf), threshold=BY_RULE)


def oracle(contest: Contest) -> Entry:
    """Knows the label: what is left to it is what the rule for metadata costs."""
    return enter(contest, _by_label, threshold=BY_RULE)


def _by_label(examples: Sequence[Example]) -> NDArray[np.float64]:
    return np.where(labels(examples), np.inf, -np.inf)
