"""Parts of the holdout that a good total may hide."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.dataset import Example
from models.split import Split
from smart_routing.labels import LabelRule

MOST_NAMES: Final = 20
"""The names of one kind that have most rows stand alone; of more, the rest is one part."""
OTHERS: Final = "(others)"
NONE: Final = "(none)"

Part = NDArray[np.bool_]
"""Which rows of the holdout, shape (n,)."""


def strata(split: Split, rule: LabelRule) -> Mapping[str, Mapping[str, Part]]:
    """The holdout, cut in several ways, each into parts by name.

    Seen means in the training block. Near is a cost within a factor of 2 of a limit.
    """
    templates = {example.template for example in split.train}
    users = {example.request.user for example in split.train}
    ways: dict[str, Callable[[Example], str]] = {
        "template": lambda example: _seen(example.template in templates),
        "user": lambda example: _seen(example.request.user in users),
        "tenant": lambda example: f"{example.request.catalog or NONE}.{example.request.schema or NONE}",
        "source": lambda example: example.request.source or NONE,
        "kind": lambda example: example.statement.kind.value,
        "limit": lambda example: "near" if _near(example, rule) else "far",
    }
    return {way: _parts([name(example) for example in split.holdout]) for way, name in ways.items()}


def _parts(names: Sequence[str]) -> dict[str, Part]:
    known = [name for name, _ in Counter(names).most_common(MOST_NAMES)]
    told = np.array([name if name in known else OTHERS for name in names])
    return {str(name): told == name for name in np.unique(told)}


def _seen(known: bool) -> str:
    return "seen" if known else "unseen"


def _near(example: Example, rule: LabelRule) -> bool:
    ratio = max(example.cpu_seconds / rule.cpu_seconds, example.peak_memory_bytes / rule.memory_bytes)
    return 0.5 <= ratio <= 2.0
