"""`JoinGraph`: the sources of a SELECT and which of them conditions link."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from sqlglot import exp

_UNWRAPPED: Final = 5

Edge = frozenset[str]
"""Two sources."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """A comparison, the innermost SELECT around it, and the two sources whose columns it links, if it does."""

    node: exp.Expr
    select: exp.Expr | None
    edge: Edge | None


@dataclass(slots=True)
class JoinGraph:
    """Sources of one SELECT and the pairs of them that a comparison or USING links."""

    sources: int = 0
    edges: set[Edge] = field(default_factory=set)


def join_graphs(selects: Iterable[exp.Expr], comparisons: Sequence[Comparison]) -> tuple[JoinGraph, ...]:
    """One for each SELECT, in their order."""
    graphs = {id(select): _join_graph(select) for select in selects}
    for comparison in comparisons:
        graph = graphs.get(id(comparison.select))
        if comparison.edge and graph:
            graph.edges.add(comparison.edge)
    return tuple(graphs.values())


def _join_graph(select: exp.Expr) -> JoinGraph:
    joins = select.args.get("joins") or []
    using = {frozenset({"using", str(place)}) for place, join in enumerate(joins) if join.args.get("using")}
    return JoinGraph(bool(select.args.get("from_")) + len(joins), using)


def edge(comparison: exp.Expr) -> Edge | None:
    """The two sources that a comparison of columns links; a column without a qualifier stands for its own source."""
    left = _column(comparison.args.get("this"))
    right = left and _column(comparison.args.get("expression"))
    if left is None or right is None:
        return None
    ends = frozenset(((left.table or left.name).lower(), (right.table or right.name).lower()))
    return ends if len(ends) == 2 else None


def _column(side: object) -> exp.Column | None:
    """The column that a side is, or that stands first in it under a few casts, brackets, functions or operators."""
    for _ in range(_UNWRAPPED):
        if isinstance(side, exp.Column):
            return side
        side = side.args.get("this") if isinstance(side, exp.Expr) else None
    return None
