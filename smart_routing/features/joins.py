"""Features of what a statement reads and how it joins it."""

from operator import attrgetter

from sqlglot import exp

from smart_routing.features.join_graph import JoinGraph
from smart_routing.features.tree import Tree


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
    return float(sum([bool(join.args.get("side")) for join in tree.all(exp.Join)]))


def cross_join_count(tree: Tree) -> float:
    """Joins with neither ON nor USING: CROSS JOIN and commas."""
    return float(sum([not (join.args.get("on") or join.args.get("using")) for join in tree.all(exp.Join)]))


def join_graph_density(tree: Tree) -> float:
    """Linked pairs of sources over all pairs, in the SELECT with the most sources; 1 where no SELECT has two."""
    graph = max(tree.graphs, key=attrgetter("sources"), default=JoinGraph())
    pairs = graph.sources * (graph.sources - 1) / 2
    return min(1.0, len(graph.edges) / pairs) if pairs else 1.0


def missing_join_conditions(tree: Tree) -> float:
    """Conditions short of a connected join graph, over all SELECTs; above 0 a Cartesian product is likely."""
    return float(sum([max(0, graph.sources - 1 - len(graph.edges)) for graph in tree.graphs]))


def join_inequality_count(tree: Tree) -> float:
    """Comparisons other than equality between columns of two sources: such a join cannot hash."""
    linking = (found for found in tree.comparisons if found.edge is not None)
    return float(sum([not isinstance(found.node, exp.EQ) for found in linking]))
