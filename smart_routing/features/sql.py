"""Features of a statement's tree: one small function each, listed in `TREE_FEATURES`."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import Final

from sqlglot import exp


@dataclass(frozen=True, slots=True)
class Tree:
    """A statement's tree with its nodes sorted by type in one walk, so that no feature walks again."""

    depth: int
    nodes: dict[type[exp.Expr], list[exp.Expr]]
    tables: tuple[exp.Table, ...]

    def all(self, *families: type[exp.Expr]) -> Iterator[exp.Expr]:
        """Every node that is of one of these types or of their subtypes."""
        return chain.from_iterable(nodes for kind, nodes in self.nodes.items() if issubclass(kind, families))

    def count(self, *families: type[exp.Expr]) -> float:
        return float(sum(len(nodes) for kind, nodes in self.nodes.items() if issubclass(kind, families)))


def walk(root: exp.Expr) -> Tree:
    """Visit every node once, without recursion."""
    nodes: dict[type[exp.Expr], list[exp.Expr]] = {}
    deepest = 0
    stack = [(root, 1)]
    while stack:
        node, depth = stack.pop()
        deepest = max(deepest, depth)
        nodes.setdefault(type(node), []).append(node)
        stack.extend((child, depth + 1) for child in node.iter_expressions(reverse=True))
    return Tree(deepest, nodes, _source_tables(nodes))


def _source_tables(nodes: dict[type[exp.Expr], list[exp.Expr]]) -> tuple[exp.Table, ...]:
    """Real tables: names that a WITH defines are not."""
    named = {cte.alias.lower() for cte in nodes.get(exp.CTE, ())}
    tables = (table for table in nodes.get(exp.Table, ()) if isinstance(table, exp.Table))
    return tuple(table for table in tables if table.name and (table.db or table.name.lower() not in named))


TreeFeature = Callable[[Tree], float]

_BRACKETS: Final = (exp.Subquery, exp.In, exp.Exists)


def tree_depth(tree: Tree) -> float:
    """Nodes from the root to the deepest leaf."""
    return float(tree.depth)


def node_count(tree: Tree) -> float:
    """Nodes of the tree."""
    return tree.count(exp.Expr)


def cte_count(tree: Tree) -> float:
    """Common table expressions."""
    return tree.count(exp.CTE)


def subquery_count(tree: Tree) -> float:
    """Queries inside brackets, IN and EXISTS included, CTEs not."""
    return float(sum(isinstance(select.parent, _BRACKETS) for select in tree.all(exp.Select, exp.SetOperation)))


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
    for comparison in tree.all(exp.EQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.NEQ):
        edge = _edge(comparison)
        graph = graphs.get(id(comparison.find_ancestor(exp.Select)))
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
    columns = [side.find(exp.Column) for side in sides if isinstance(side, exp.Expr)]
    ends = frozenset((column.table or column.name).lower() for column in columns if column)
    return ends if len(ends) == 2 else None


def window_count(tree: Tree) -> float:
    """Window functions."""
    return tree.count(exp.Window)


def aggregate_count(tree: Tree) -> float:
    """Aggregate functions."""
    return tree.count(exp.AggFunc)


def distinct_aggregate_count(tree: Tree) -> float:
    """Aggregates over DISTINCT values, exact or approximate."""
    exact = sum(isinstance(node.args.get("this"), exp.Distinct) for node in tree.all(exp.AggFunc))
    return exact + tree.count(exp.ApproxDistinct)


def distinct_count(tree: Tree) -> float:
    """SELECT DISTINCT and DISTINCT inside aggregates."""
    return tree.count(exp.Distinct)


def group_key_count(tree: Tree) -> float:
    """Expressions that GROUP BY lists."""
    return float(sum(len(group.expressions) for group in tree.all(exp.Group)))


def order_by_count(tree: Tree) -> float:
    """ORDER BY clauses, those of windows included."""
    return tree.count(exp.Order)


def having_count(tree: Tree) -> float:
    """HAVING clauses."""
    return tree.count(exp.Having)


def limit_count(tree: Tree) -> float:
    """LIMIT and FETCH clauses."""
    return tree.count(exp.Limit, exp.Fetch)


def top_limit(tree: Tree) -> float:
    """The smallest LIMIT that is a number; -1 without one."""
    counts = (limit.args.get("expression") for limit in tree.all(exp.Limit))
    return min((float(count.name) for count in counts if count and count.name.isdigit()), default=-1.0)


def projection_count(tree: Tree) -> float:
    """Expressions that all SELECTs list."""
    return float(sum(len(select.expressions) for select in tree.all(exp.Select)))


def star_count(tree: Tree) -> float:
    """SELECT * and t.*; count(*) is none."""
    return float(sum(not isinstance(star.parent, exp.AggFunc) for star in tree.all(exp.Star)))


def where_count(tree: Tree) -> float:
    """WHERE clauses."""
    return tree.count(exp.Where)


def unfiltered_select_count(tree: Tree) -> float:
    """SELECTs that read something and have no WHERE."""
    reading = (select for select in tree.all(exp.Select) if select.args.get("from_"))
    return float(sum(not select.args.get("where") for select in reading))


def and_count(tree: Tree) -> float:
    """AND."""
    return tree.count(exp.And)


def or_count(tree: Tree) -> float:
    """OR."""
    return tree.count(exp.Or)


def not_count(tree: Tree) -> float:
    """NOT, as in NOT IN and NOT LIKE too."""
    negated = sum(bool(like.args.get("negate")) for like in tree.all(exp.Like, exp.ILike))
    return tree.count(exp.Not) + negated


def equality_count(tree: Tree) -> float:
    """Equalities, those of join conditions included."""
    return tree.count(exp.EQ)


def inequality_count(tree: Tree) -> float:
    """Comparisons other than equality, and BETWEEN."""
    return tree.count(exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Between)


def join_inequality_count(tree: Tree) -> float:
    """Comparisons other than equality between columns of two sources: such a join cannot hash."""
    comparisons = tree.all(exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE)
    return float(sum(_edge(comparison) is not None for comparison in comparisons))


def in_list_count(tree: Tree) -> float:
    """IN predicates with a list."""
    return float(sum(bool(node.expressions) for node in tree.all(exp.In)))


def longest_in_list(tree: Tree) -> float:
    """Values in the longest IN list."""
    return float(max((len(node.expressions) for node in tree.all(exp.In)), default=0))


def like_count(tree: Tree) -> float:
    """LIKE predicates."""
    return tree.count(exp.Like, exp.ILike)


def leading_wildcard_like_count(tree: Tree) -> float:
    """LIKE patterns that begin with a wildcard."""
    patterns = (like.args.get("expression") for like in tree.all(exp.Like, exp.ILike))
    return float(sum(isinstance(pattern, exp.Literal) and pattern.name[:1] in {"%", "_"} for pattern in patterns))


def regexp_count(tree: Tree) -> float:
    """Regular-expression functions."""
    return tree.count(exp.RegexpLike, exp.RegexpILike, exp.RegexpExtract, exp.RegexpReplace, exp.RegexpSplit)


def case_count(tree: Tree) -> float:
    """CASE and IF."""
    return float(sum(not isinstance(node.parent, exp.Case) for node in tree.all(exp.Case, exp.If)))


def function_count(tree: Tree) -> float:
    """Calls of functions, aggregates included, AND and OR not."""
    return tree.count(exp.Func) - tree.count(exp.Connector)


def union_count(tree: Tree) -> float:
    """UNION and UNION ALL."""
    return tree.count(exp.Union)


def intersect_count(tree: Tree) -> float:
    """INTERSECT."""
    return tree.count(exp.Intersect)


def except_count(tree: Tree) -> float:
    """EXCEPT."""
    return tree.count(exp.Except)


def unnest_count(tree: Tree) -> float:
    """UNNEST."""
    return tree.count(exp.Unnest)


def grouping_sets_count(tree: Tree) -> float:
    """ROLLUP, CUBE and GROUPING SETS: each multiplies the groups."""
    return tree.count(exp.Rollup, exp.Cube, exp.GroupingSets)


TREE_FEATURES: Final[tuple[TreeFeature, ...]] = (
    tree_depth,
    node_count,
    cte_count,
    subquery_count,
    table_count,
    distinct_table_count,
    self_join_count,
    join_count,
    outer_join_count,
    cross_join_count,
    join_graph_density,
    missing_join_conditions,
    window_count,
    aggregate_count,
    distinct_aggregate_count,
    distinct_count,
    group_key_count,
    order_by_count,
    having_count,
    limit_count,
    top_limit,
    projection_count,
    star_count,
    where_count,
    unfiltered_select_count,
    and_count,
    or_count,
    not_count,
    equality_count,
    inequality_count,
    join_inequality_count,
    in_list_count,
    longest_in_list,
    like_count,
    leading_wildcard_like_count,
    regexp_count,
    case_count,
    function_count,
    union_count,
    intersect_count,
    except_count,
    unnest_count,
    grouping_sets_count,
)
