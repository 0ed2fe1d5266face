"""`Facts`: all that models and the history take from a statement's text, without its tree; small and picklable."""

from dataclasses import dataclass
from sys import intern
from typing import Final

import numpy as np
from numpy.typing import NDArray

from smart_routing.features.plan import Plan, read_plan
from smart_routing.features.sql import TREE_FEATURES
from smart_routing.features.statement import (
    DEFAULT_LIMITS,
    PARSE_STATUS_CODES,
    ParseLimits,
    ParseStatus,
    Statement,
    StatementKind,
    Words,
    parsed,
    read_words,
)
from smart_routing.features.text import TEXT_FEATURES
from smart_routing.features.tree import Tree, walk
from smart_routing.stages import Stage, StageEnded, unwatched

FACT_NAMES: Final = (
    *(feature.__name__ for feature in TEXT_FEATURES),
    "parse_status",
    *(feature.__name__ for feature in TREE_FEATURES),
)
"""The dense features that a text alone decides, in the order of the vector, which begins with them."""

_NO_TREE: Final = [float("nan")] * len(TREE_FEATURES)


@dataclass(frozen=True, slots=True)
class TableName:
    """A table as a statement names it; "" for a part that it leaves to the session."""

    catalog: str
    schema: str
    table: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Facts:
    """What a text says under `limits`. `values` has the shape (len(FACT_NAMES),), NaN for the tree of none."""

    kind: StatementKind
    parse_status: ParseStatus
    template: str
    tokens: tuple[str, ...]
    tables: tuple[TableName, ...]
    plan: Plan
    values: NDArray[np.float32]
    limits: ParseLimits

    def value(self, name: str) -> float:
        """One of `FACT_NAMES`."""
        return float(self.values[FACT_NAMES.index(name)])


def facts_of(statement: Statement | Facts) -> Facts:
    """What a statement that was read says; walks its tree once."""
    if isinstance(statement, Facts):
        return statement
    return _facts(statement, walk(statement.tree) if statement.tree is not None else None)


def read_facts(sql: str, limits: ParseLimits = DEFAULT_LIMITS) -> Facts:
    """What `sql` says within `limits`; never raises."""
    return facts_from(read_words(sql, limits))


def facts_from(words: Words, *, ended: StageEnded = unwatched) -> Facts:
    """What a text says whose words were read; raises nothing but what `ended` does."""
    statement = parsed(words, ended=ended)
    if statement.tree is None:
        return _facts(statement, None)
    tree = walk(statement.tree)
    facts = _facts(statement, tree)
    tree.take_apart()
    ended(Stage.FACTS)
    return facts


def _facts(statement: Statement, tree: Tree | None) -> Facts:
    return Facts(
        kind=statement.kind,
        parse_status=statement.parse_status,
        template=statement.template,
        tokens=statement.text.tokens,
        tables=_tables(tree) if tree else (),
        plan=read_plan(tree) if tree else (),
        values=np.array(_values(statement, tree), dtype=np.float32),
        limits=statement.limits,
    )


def _values(statement: Statement, tree: Tree | None) -> list[float]:
    return [
        *[feature(statement.text) for feature in TEXT_FEATURES],
        PARSE_STATUS_CODES[statement.parse_status],
        *([feature(tree) for feature in TREE_FEATURES] if tree else _NO_TREE),
    ]


def _tables(tree: Tree) -> tuple[TableName, ...]:
    return tuple([TableName(intern(table.catalog), intern(table.db), intern(table.name)) for table in tree.tables])
