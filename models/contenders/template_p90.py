"""The P90 rule (Hang and Singh, Presto Express, Uber 2024): a statement is what most of its template's past was."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.contenders.approach import Contest, Entry, enter, own_threshold
from models.dataset import Example
from smart_routing.history.keys import key
from smart_routing.history.measures import MEASURES, HistorySource
from smart_routing.labels import LabelRule

_P90: Final = [MEASURES.index("cpu_p90"), MEASURES.index("memory_p90")]
_AT_THE_LIMIT: Final = own_threshold(0.5)


def template_p90(contest: Contest) -> Entry:
    """Heavy where the P90 of the template's CPU or memory, over the look-back of the history, reaches its limit.

    With r the larger of P90 / limit, the score is r / (1 + r): in [0, 1], in the same order, and 0.5 where r is 1. A
    template that the look-back does not know is heavy, +inf. Each statement's past is what was known when it came.
    """

    def score(examples: Sequence[Example]) -> NDArray[np.float64]:
        ratio = _ratios(examples, contest.rule, contest.labelled.history)
        return np.where(np.isnan(ratio), np.inf, ratio / (1.0 + ratio))

    return enter(contest, score, threshold=_AT_THE_LIMIT)


def _ratios(examples: Sequence[Example], rule: LabelRule, history: HistorySource) -> NDArray[np.float64]:
    """The larger of both P90s as a share of its limit, NaN for a template without a past; shape (n,)."""
    known = [
        history.at(example.request.submitted_at).measures((key("template", example.template),))[0, _P90]
        for example in examples
    ]
    limits = [rule.cpu_seconds, rule.memory_bytes]
    ratios: NDArray[np.float64] = (np.array(known, dtype=np.float64).reshape(-1, 2) / limits).max(axis=1)
    return ratios
