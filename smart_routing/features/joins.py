"""Features of what a statement reads and how it joins it."""

from dataclasses import dataclass, field
from typing import Final

from sqlglot import exp

from smart_routing.features.tree import Tree

_UNWRAPPED: Final = 5


def table_count(tree: Tree) -> float:
    """References to tables, repeats included."""
    return float(len(tree.tables))


def distinct_table_count(tree: Tree) -> float:
    """Different tables."""
    return float(len({(table.catalog.lower(), table.db.lower(), table.name.lower()) for table in tree.tables}))


def self_join_count(tree: Tree) -> float:
    """References beyond the first to the same table."""
    return table_count(tree) - distinct_table_count(tree)


def join_count(tree: Tree) -> float:
    """Joins anywhere in the statement, comma joins included."""
    return tree.count(exp.Join)


def outer_join_count(tree: Tree) -> float:
    """LEFT, RIGHT and FULL joins."""
    return float(sum(bool(join.args.get("side")) for join in tree.all(exp.Join)))


def cross_join_count(tree: Tree) -> float:
    """Joins with neither ON nor USING: CROSS JOIN and commas."""
    return float(sum(not (join.args.get("on") or join.args.get("using")) for join in tree.all(exp.Join)))


def join_graph_density(tree: Tree) -> float:
    """Linked pairs of sources over all pairs, in the SELECT with the most sources; 1 where no SELECT has two."""
    graph = max(_join_graphs(tree), key=lambda graph: graph.sources, default=_JoinGraph())
    pairs = graph.sources * (graph.sources - 1) / 2
    return min(1.0, len(graph.edges) / pairs) if pairs else 1.0


def missing_join_conditions(tree: Tree) -> float:
    """Conditions short of a connected join graph, over all SELECTs; above 0 a Cartesian product is likely."""
    return float(sum(max(0, graph.sources - 1 - len(graph.edges)) for graph in _join_graphs(tree)))


@dataclass(slots=True)
class _JoinGraph:
    """Sources of one SELECT and the pairs of them that a comparison or USING links."""

    sources: int = 0
    edges: set[frozenset[str]] = field(default_factory=set)


def _join_graphs(tree: Tree) -> list[_JoinGraph]:
    graphs = {id(select): _join_graph(select) for select in tree.all(exp.Select)}
    for comparison in tree.comparisons:
        edge = _edge(comparison.node)
        graph = graphs.get(id(comparison.select))
        if edge and graph:
            graph.edges.add(edge)
    return list(graphs.values())


def _join_graph(select: exp.Expr) -> _JoinGraph:
    joins = select.args.get("joins") or []
    using = {frozenset({"using", str(place)}) for place, join in enumerate(joins) if join.args.get("using")}
    return _JoinGraph(bool(select.args.get("from_")) + len(joins), using)


def _edge(comparison: exp.Expr) -> frozenset[str] | None:
    """The two sources that a comparison of columns links; a column without a qualifier stands for its own source."""
    sides = (comparison.args.get("this"), comparison.args.get("expression"))
    columns = [column for side in sides if (column := _column(side))]
    ends = frozenset((column.table or column.name).lower() for column in columns)
    return ends if len(ends) == 2 else None


def _column(side: object) -> exp.Column | None:
    """The column that a side is, or that stands first in it under a few casts, brackets, functions or operators."""
    for _ in range(_UNWRAPPED):
        if isinstance(side, exp.Column):
            return side
        side = side.args.get("this") if isinstance(side, exp.Expr) else None
    return None


def join_inequality_count(tree: Tree) -> float:
    """Comparisons other than equality between columns of two sources: such a join cannot hash."""
    unequal = (found.node for found in tree.comparisons if not isinstance(found.node, exp.EQ))
    return float(sum(_edge(comparison) is not None for comparison in unequal))
