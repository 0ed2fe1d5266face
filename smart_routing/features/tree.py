"""`Tree`: a parsed statement with its nodes sorted by type, as the features look at it."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Final

from sqlglot import exp

from smart_routing.features.join_graph import Comparison, JoinGraph, edge, join_graphs

_MOST_ROWS: Final = 2.0**63
"""Trino takes no larger LIMIT; single precision, and so a vector, holds it."""

FAMILIES: Final[tuple[type[exp.Expr], ...]] = (
    *(exp.AggFunc, exp.And, exp.ApproxDistinct, exp.Between, exp.CTE, exp.Case, exp.Connector, exp.Cube, exp.Distinct),
    *(exp.EQ, exp.Except, exp.Fetch, exp.Func, exp.GT, exp.GTE, exp.Group, exp.GroupingSets, exp.Having, exp.ILike),
    *(exp.If, exp.In, exp.Intersect, exp.Join, exp.LT, exp.LTE, exp.Like, exp.Limit, exp.NEQ, exp.Not, exp.Or),
    *(exp.Order, exp.RegexpExtract, exp.RegexpILike, exp.RegexpLike, exp.RegexpReplace, exp.RegexpSplit, exp.Rollup),
    *(exp.Select, exp.SetOperation, exp.Star, exp.Table, exp.Union, exp.Unnest, exp.Where, exp.Window),
)
"""What nodes are sorted by: a node is in each family that its type is, or is a subtype of."""

_COMPARISONS: Final = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE)
_LEAVES: Final = frozenset({exp.Identifier, exp.Literal})
"""Half of all nodes: nothing is below them, and no feature looks at them."""
_TOLD: Final = (exp.Column, exp.Star, exp.AggFunc, exp.Window, exp.Query)
_SOURCES: Final = frozenset({"with_", "from_"})


@dataclass(frozen=True, slots=True)
class Own:
    """What a SELECT says itself, beside its sources and outside of the queries in it.

    Columns, stars, aggregates, windows and those queries, in the order of the text: in its clauses, and in the ONs of
    its joins.
    """

    clauses: list[exp.Expr] = field(default_factory=list)
    conditions: list[exp.Expr] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Tree:
    """A statement's tree with its nodes sorted by type in one walk, so that no feature walks again.

    `nodes` are by family, `own` by the `id` of a SELECT; `branches` are all nodes that may have others below them.
    """

    root: exp.Expr
    depth: int
    size: int
    nodes: Mapping[type[exp.Expr], Sequence[exp.Expr]]
    tables: tuple[exp.Table, ...]
    comparisons: Sequence[Comparison]
    graphs: tuple[JoinGraph, ...]
    own: Mapping[int, Own]
    branches: Sequence[exp.Expr]

    def all(self, *families: type[exp.Expr]) -> Sequence[exp.Expr]:
        """Every node of these `FAMILIES`, which have no type in common."""
        if len(families) == 1:
            return self.nodes.get(families[0], ())
        return list(chain.from_iterable([self.nodes.get(family, ()) for family in families]))

    def count(self, *families: type[exp.Expr]) -> float:
        """How many nodes `all` gives."""
        if len(families) == 1:
            return float(len(self.nodes.get(families[0], ())))
        return float(sum([len(self.nodes.get(family, ())) for family in families]))

    def take_apart(self) -> None:
        """Cut every node off from those below it: a tree is a knot of cycles, which only a collection would free.

        Nothing can be asked of the tree afterwards.
        """
        for branch in self.branches:
            branch.args.clear()


@dataclass(frozen=True, slots=True)
class _Kind:
    """What the walk does with nodes of one type."""

    families: tuple[type[exp.Expr], ...]
    is_plain: bool
    """None of the following."""
    is_comparison: bool
    is_told: bool
    is_query: bool
    is_select: bool
    is_join: bool

    @classmethod
    def of(cls, kind: type[exp.Expr]) -> "_Kind":
        return cls(
            families=tuple(family for family in FAMILIES if issubclass(kind, family)),
            is_plain=not issubclass(kind, (*_COMPARISONS, *_TOLD, exp.Join)),
            is_comparison=issubclass(kind, _COMPARISONS),
            is_told=issubclass(kind, _TOLD),
            is_query=issubclass(kind, exp.Query),
            is_select=issubclass(kind, exp.Select),
            is_join=issubclass(kind, exp.Join),
        )


class _Kinds(dict[type[exp.Expr], _Kind]):
    """Each type is looked at once."""

    def __missing__(self, kind: type[exp.Expr]) -> _Kind:
        found = self[kind] = _Kind.of(kind)
        return found


_KINDS: Final = _Kinds()


def walk(root: exp.Expr) -> Tree:
    """Visit every node once, without recursion and without a look back: a chain of n comparisons costs n, not n^2."""
    return _Walk().over(root)


_Step = tuple[exp.Expr, int, exp.Expr | None, list[exp.Expr] | None]
"""A node, its depth, the innermost SELECT around it, and where what that SELECT says itself is noted, if it is."""


class _Walk:
    """One walk, and what it has found so far."""

    def __init__(self) -> None:
        self._nodes: defaultdict[type[exp.Expr], list[exp.Expr]] = defaultdict(list)
        self._comparisons: list[Comparison] = []
        self._own: dict[int, Own] = {}
        self._branches: list[exp.Expr] = []
        self._stack: list[_Step] = []
        self._leaves = 0
        self._deepest_leaf = 0

    def over(self, root: exp.Expr) -> Tree:
        stack, nodes, branches, deepest = self._stack, self._nodes, self._branches, 0
        stack.append((root, 1, None, None))
        while stack:
            node, depth, select, notes = stack.pop()
            branches.append(node)
            deepest = max(deepest, depth)
            kind = _KINDS[type(node)]
            for family in kind.families:
                nodes[family].append(node)
            if kind.is_plain:
                self._push(node.args.values(), depth + 1, select, notes=notes)
                continue
            if kind.is_told and notes is not None:
                notes.append(node)
            if kind.is_comparison:
                self._comparisons.append(Comparison(node, select, edge(node)))
            if kind.is_select:
                self._enter(node, depth + 1)
            elif kind.is_join:
                self._join(node, depth + 1, select, notes=notes)
            else:
                self._push(node.args.values(), depth + 1, select, notes=None if kind.is_query else notes)
        selects = nodes.get(exp.Select, ())
        return Tree(
            root=root,
            depth=max(deepest, self._deepest_leaf),
            size=len(branches) + self._leaves,
            nodes=nodes,
            tables=_source_tables(nodes),
            comparisons=self._comparisons,
            graphs=join_graphs(selects, self._comparisons),
            own=self._own,
            branches=branches,
        )

    def _push(
        self, values: Iterable[object], depth: int, select: exp.Expr | None, *, notes: list[exp.Expr] | None
    ) -> None:
        """What stands in a node's arguments, so that the first is visited first."""
        stack = self._stack
        for value in reversed(values):  # type: ignore[call-overload]  # views of dicts can be
            kind = type(value)
            if kind in _PLAIN:
                continue
            if kind is list:
                self._push(value, depth, select, notes=notes)
            elif kind in _LEAVES:
                self._leaves += 1
                self._deepest_leaf = max(self._deepest_leaf, depth)
            elif isinstance(value, exp.Expr):
                stack.append((value, depth, select, notes))

    def _enter(self, select: exp.Expr, depth: int) -> None:
        own = self._own[id(select)] = Own()
        for name, value in reversed(select.args.items()):
            said = own.conditions if name == "joins" else own.clauses
            self._push((value,), depth, select, notes=None if name in _SOURCES else said)

    def _join(self, join: exp.Expr, depth: int, select: exp.Expr | None, *, notes: list[exp.Expr] | None) -> None:
        for name, value in reversed(join.args.items()):
            self._push((value,), depth, select, notes=notes if name == "on" else None)


_PLAIN: Final = frozenset({type(None), str, bool, int})


def _source_tables(nodes: Mapping[type[exp.Expr], Sequence[exp.Expr]]) -> tuple[exp.Table, ...]:
    """Real tables: names that a WITH defines are not."""
    named = {cte.alias.lower() for cte in nodes.get(exp.CTE, ())}
    tables = [table for table in nodes.get(exp.Table, ()) if isinstance(table, exp.Table) and table.name]
    if not named:
        return tuple(tables)
    return tuple([table for table in tables if table.name.lower() not in named or table.db])


def limit_of(count: exp.Expr | None) -> float | None:
    """The number that stands in a LIMIT or FETCH, at most 2^63; None for anything else."""
    return min(float(count.name), _MOST_ROWS) if count is not None and count.name.isdecimal() else None


TreeFeature = Callable[[Tree], float]
