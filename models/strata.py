"""Parts of the holdout, which a good total may hide, and two contenders compared in each."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.dataset import Example
from models.evaluate import CONFIDENCE, Contender, CostDifference, cost_difference
from models.scoring import Scored
from smart_routing.labels import LabelRule

LEAST_HEAVY: Final = 30
"""Rows; figures of a part with fewer are shown, and not judged by."""
LEAST_TEMPLATES: Final = 20
"""In a part, before a difference there is judged: of fewer, templates drawn with replacement tell too little."""
MOST_NAMES: Final = 20
"""The names of one kind that have most rows stand alone; of more, the rest is one part."""
OTHERS: Final = "(others)"
NONE: Final = "(none)"

Part = NDArray[np.bool_]
"""Which rows of the holdout, shape (n,)."""

Parts = Mapping[str, Mapping[str, Part]]
"""The holdout cut in several ways, each into parts by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartDifference:
    """One contender's cost less another's in one part; `difference` has the interval of all judged parts together."""

    way: str
    name: str
    rows: int
    heavy: int
    difference: CostDifference


def strata(holdout: Sequence[Example], *, before: Sequence[Example], rule: LabelRule) -> Parts:
    """The holdout's parts."""
    return {way: parts(names) for way, names in part_names(holdout, before=before, rule=rule).items()}


def part_names(
    holdout: Sequence[Example], *, before: Sequence[Example], rule: LabelRule
) -> Mapping[str, Sequence[str]]:
    """In which part each example is, one way and another.

    Seen means among what came `before`; near is a cost within a factor of 2 of a limit.
    """
    templates = {example.template for example in before}
    users = {example.request.user for example in before}
    ways: dict[str, Callable[[Example], str]] = {
        "template": lambda example: _seen(example.template in templates),
        "user": lambda example: _seen(example.request.user in users),
        "tenant": lambda example: f"{example.request.catalog or NONE}.{example.request.schema or NONE}",
        "source": lambda example: example.request.source or NONE,
        "kind": lambda example: example.statement.kind.value,
        "limit": lambda example: "near" if 0.5 <= example.share_of_limit(rule) <= 2.0 else "far",
    }
    return {way: [name(example) for example in holdout] for way, name in ways.items()}


def parts(names: Sequence[str]) -> Mapping[str, Part]:
    """Which rows have each name; of many names the rarest are one part."""
    known = [name for name, _ in Counter(names).most_common(MOST_NAMES)]
    told = np.array([name if name in known else OTHERS for name in names])
    return {str(name): told == name for name in np.unique(told)}


def confidence_of_each(intervals: int) -> float:
    """1 - 0.05 / k for each of k (Bonferroni): chance errs in any of them no more often than in one of 95%."""
    return 1 - (1 - CONFIDENCE) / max(1, intervals)


def differences_in_parts(
    ours: Contender, theirs: Contender, parts: Parts, *, rule: LabelRule
) -> tuple[PartDifference, ...]:
    """Our cost less theirs in every part with at least `LEAST_HEAVY` heavy rows and `LEAST_TEMPLATES` templates.

    Intervals are of `confidence_of_each`.
    """
    judged = [
        (way, name, part)
        for way, named in parts.items()
        for name, part in named.items()
        if _tells(ours.rows.where(part))
    ]
    confidence = confidence_of_each(len(judged))
    return tuple(
        PartDifference(
            way=way,
            name=name,
            rows=int(part.sum()),
            heavy=int(ours.rows.heavy[part].sum()),
            difference=cost_difference(ours.within(part), theirs.within(part), rule, confidence=confidence),
        )
        for way, name, part in judged
    )


def _tells(rows: Scored) -> bool:
    return int(rows.heavy.sum()) >= LEAST_HEAVY and len(np.unique(rows.template)) >= LEAST_TEMPLATES


def _seen(known: bool) -> str:
    return "seen" if known else "unseen"
