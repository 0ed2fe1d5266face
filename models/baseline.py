"""The rule to beat: long statements and many joins are heavy (section 5.3 of the design this implements)."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from models.dataset import Example
from models.scoring import Scored, scored
from smart_routing.features.statement import StatementKind

MOST_CHARACTERS: Final = 2000
MOST_JOINS: Final = 3


def score_by_heuristic(examples: Sequence[Example]) -> Scored:
    """+inf where the rule says heavy, -inf where light; metadata statements are light, as the router sends them."""
    return scored(examples, [np.inf if _heavy(example) else -np.inf for example in examples])


def _heavy(example: Example) -> bool:
    statement = example.statement
    if statement.kind is StatementKind.METADATA:
        return False
    # NaN, the joins of a statement without a tree, are not many.
    return statement.value("sql_length") > MOST_CHARACTERS or statement.value("join_count") > MOST_JOINS
