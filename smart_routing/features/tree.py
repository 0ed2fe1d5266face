"""`Tree`: a parsed statement with its nodes sorted by type, as the features look at it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Final

from sqlglot import exp

_MOST_ROWS: Final = 2.0**63
"""Trino takes no larger LIMIT; single precision, and so a vector, holds it."""

COMPARISONS: Final = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE)


@dataclass(frozen=True, slots=True)
class Tree:
    """A statement's tree with its nodes sorted by type in one walk, so that no feature walks again."""

    depth: int
    nodes: dict[type[exp.Expr], list[exp.Expr]]
    tables: tuple[exp.Table, ...]
    comparisons: list["Comparison"]

    def all(self, *families: type[exp.Expr]) -> Iterator[exp.Expr]:
        """Every node that is of one of these types or of their subtypes."""
        return chain.from_iterable(nodes for kind, nodes in self.nodes.items() if issubclass(kind, families))

    def count(self, *families: type[exp.Expr]) -> float:
        return float(sum(len(nodes) for kind, nodes in self.nodes.items() if issubclass(kind, families)))


@dataclass(frozen=True, slots=True)
class Comparison:
    """A comparison and the innermost SELECT around it."""

    node: exp.Expr
    select: exp.Select | None


def walk(root: exp.Expr) -> Tree:
    """Visit every node once, without recursion and without a look back: a chain of n comparisons costs n, not n^2."""
    nodes: dict[type[exp.Expr], list[exp.Expr]] = {}
    comparisons: list[Comparison] = []
    deepest = 0
    stack: list[tuple[exp.Expr, int, exp.Select | None]] = [(root, 1, None)]
    while stack:
        node, depth, select = stack.pop()
        deepest = max(deepest, depth)
        nodes.setdefault(type(node), []).append(node)
        if isinstance(node, COMPARISONS):
            comparisons.append(Comparison(node, select))
        inner = node if isinstance(node, exp.Select) else select
        stack.extend((child, depth + 1, inner) for child in node.iter_expressions(reverse=True))
    return Tree(deepest, nodes, _source_tables(nodes), comparisons)


def _source_tables(nodes: dict[type[exp.Expr], list[exp.Expr]]) -> tuple[exp.Table, ...]:
    """Real tables: names that a WITH defines are not."""
    named = {cte.alias.lower() for cte in nodes.get(exp.CTE, ())}
    tables = (table for table in nodes.get(exp.Table, ()) if isinstance(table, exp.Table))
    return tuple(table for table in tables if table.name and (table.db or table.name.lower() not in named))


def limit_of(count: exp.Expr | None) -> float | None:
    """The number that stands in a LIMIT or FETCH, at most 2^63; None for anything else."""
    return min(float(count.name), _MOST_ROWS) if count is not None and count.name.isdecimal() else None


TreeFeature = Callable[[Tree], float]
