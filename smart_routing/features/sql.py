"""Features of a statement's tree: one small function each, listed in `TREE_FEATURES`."""

from typing import Final

from sqlglot import exp

from smart_routing.features.joins import (
    cross_join_count,
    distinct_table_count,
    join_count,
    join_graph_density,
    join_inequality_count,
    missing_join_conditions,
    outer_join_count,
    self_join_count,
    table_count,
)
from smart_routing.features.tree import Tree, TreeFeature, limit_of

_BRACKETS: Final = (exp.Subquery, exp.In, exp.Exists)


def tree_depth(tree: Tree) -> float:
    """Nodes from the root to the deepest leaf."""
    return float(tree.depth)


def node_count(tree: Tree) -> float:
    """Nodes of the tree."""
    return float(tree.size)


def cte_count(tree: Tree) -> float:
    """Common table expressions."""
    return tree.count(exp.CTE)


def subquery_count(tree: Tree) -> float:
    """Queries inside brackets, IN and EXISTS included, CTEs not."""
    return float(sum([isinstance(select.parent, _BRACKETS) for select in tree.all(exp.Select, exp.SetOperation)]))


def window_count(tree: Tree) -> float:
    """Window functions."""
    return tree.count(exp.Window)


def aggregate_count(tree: Tree) -> float:
    """Aggregate functions."""
    return tree.count(exp.AggFunc)


def distinct_aggregate_count(tree: Tree) -> float:
    """Aggregates over DISTINCT values, exact or approximate."""
    exact = sum([isinstance(node.args.get("this"), exp.Distinct) for node in tree.all(exp.AggFunc)])
    return exact + tree.count(exp.ApproxDistinct)


def distinct_count(tree: Tree) -> float:
    """SELECT DISTINCT and DISTINCT inside aggregates."""
    return tree.count(exp.Distinct)


def group_key_count(tree: Tree) -> float:
    """Expressions that GROUP BY lists."""
    return float(sum([len(group.expressions) for group in tree.all(exp.Group)]))


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
    limits = (limit_of(limit.args.get("expression")) for limit in tree.all(exp.Limit))
    return min((limit for limit in limits if limit is not None), default=-1.0)


def projection_count(tree: Tree) -> float:
    """Expressions that all SELECTs list."""
    return float(sum([len(select.expressions) for select in tree.all(exp.Select)]))


def star_count(tree: Tree) -> float:
    """SELECT * and t.*; count(*) is none."""
    return float(sum([not isinstance(star.parent, exp.AggFunc) for star in tree.all(exp.Star)]))


def where_count(tree: Tree) -> float:
    """WHERE clauses."""
    return tree.count(exp.Where)


def unfiltered_select_count(tree: Tree) -> float:
    """SELECTs that read something and have no WHERE."""
    reading = (select for select in tree.all(exp.Select) if select.args.get("from_"))
    return float(sum([not select.args.get("where") for select in reading]))


def and_count(tree: Tree) -> float:
    """AND."""
    return tree.count(exp.And)


def or_count(tree: Tree) -> float:
    """OR."""
    return tree.count(exp.Or)


def not_count(tree: Tree) -> float:
    """NOT, as in NOT IN and NOT LIKE too."""
    negated = sum([bool(like.args.get("negate")) for like in tree.all(exp.Like, exp.ILike)])
    return tree.count(exp.Not) + negated


def equality_count(tree: Tree) -> float:
    """Equalities, those of join conditions included."""
    return tree.count(exp.EQ)


def inequality_count(tree: Tree) -> float:
    """Comparisons other than equality, and BETWEEN."""
    return tree.count(exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Between)


def in_list_count(tree: Tree) -> float:
    """IN predicates with a list."""
    return float(sum([bool(node.expressions) for node in tree.all(exp.In)]))


def longest_in_list(tree: Tree) -> float:
    """Values in the longest IN list."""
    return float(max((len(node.expressions) for node in tree.all(exp.In)), default=0))


def like_count(tree: Tree) -> float:
    """LIKE predicates."""
    return tree.count(exp.Like, exp.ILike)


def leading_wildcard_like_count(tree: Tree) -> float:
    """LIKE patterns that begin with a wildcard."""
    patterns = (like.args.get("expression") for like in tree.all(exp.Like, exp.ILike))
    return float(sum([isinstance(pattern, exp.Literal) and pattern.name[:1] in {"%", "_"} for pattern in patterns]))


def regexp_count(tree: Tree) -> float:
    """Regular-expression functions."""
    return tree.count(exp.RegexpLike, exp.RegexpILike, exp.RegexpExtract, exp.RegexpReplace, exp.RegexpSplit)


def case_count(tree: Tree) -> float:
    """CASE and IF."""
    return float(sum([not isinstance(node.parent, exp.Case) for node in tree.all(exp.Case, exp.If)]))


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
