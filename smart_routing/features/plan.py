"""`Plan`: what a statement reads, filters, joins and keeps, block by block, as far as an estimate of rows needs it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf, prod
from typing import Final

from sqlglot import exp

from smart_routing.features.tree import Own, Tree, limit_of

_DEEPEST: Final = 30
"""Nested queries, and nested brackets of a predicate; what lies deeper is not looked at."""
_STAR: Final = 10
"""Columns of a source that `*` stands for."""

_KEPT: Final[Mapping[type[exp.Expr], float]] = {
    exp.EQ: 0.02,
    exp.NEQ: 0.9,
    exp.GT: 0.4,
    exp.GTE: 0.4,
    exp.LT: 0.4,
    exp.LTE: 0.4,
    exp.Between: 0.15,
    exp.Like: 0.1,
    exp.ILike: 0.1,
    exp.RegexpLike: 0.1,
    exp.Is: 0.2,
}
"""Shares of rows that predicates keep; trees learn from the estimates whatever constants are behind them."""
_KEPT_BY_OTHERS: Final = 0.5
_FEWEST_KEPT: Final = 1e-6
_KEPT_BY_A_JOIN: Final = 0.4
"""By a condition between two sources that is no equality."""


@dataclass(frozen=True, slots=True)
class Source:
    """One item of a FROM clause. Sources of one `component` are linked by conditions; components multiply.

    `table` is the place of a table among those of the statement, `block` that of an earlier block; None for neither.
    `kept` is the share of its rows that predicates keep, in (0, 1].
    """

    table: int | None
    block: int | None
    kept: float = 1.0
    component: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A SELECT, or the branches of a set operation as sources whose rows are added (`union`).

    `kept` is what predicates over several sources keep of the joined rows, `columns` how many are read in all, `limit`
    infinite without one. `streams`: rows pass one by one, so that a limit ends the work early.
    """

    sources: tuple[Source, ...]
    kept: float = 1.0
    columns: int = 0
    limit: float = inf
    aggregates: bool = False
    groups: bool = False
    distinct: bool = False
    streams: bool = False
    union: bool = False


Plan = tuple[Block, ...]
"""Blocks, each after those that it reads; empty for a statement that is no query."""


def read_plan(tree: Tree) -> Plan:
    """The plan of a parsed statement; places of tables are those among the tables of its tree."""
    reading = _Reading({id(table): place for place, table in enumerate(tree.tables)}, tree.own)
    reading.query(tree.root, {}, depth=0)
    return tuple(reading.blocks)


class _Reading:
    """Reads queries into blocks, inner ones first."""

    def __init__(self, places: Mapping[int, int], own: Mapping[int, Own]) -> None:
        self._places = places
        self._own = own
        self.blocks: list[Block] = []

    def query(self, node: exp.Expr | None, named: Mapping[str, int], *, depth: int) -> int | None:
        """The place of the block that a query became; None for what is no query, or lies too deep."""
        while isinstance(node, (exp.Subquery, exp.Lateral, exp.Paren)):
            node = node.this
        if not isinstance(node, exp.Query) or depth > _DEEPEST:
            return None
        named = self._with(node, named, depth)
        if isinstance(node, exp.SetOperation):
            branches = [self.query(branch, named, depth=depth + 1) for branch in _branches(node)]
            block = Block(sources=tuple(Source(None, place) for place in branches), limit=_limit(node), union=True)
        else:
            block = self._select(node, named, depth)
        self.blocks.append(block)
        return len(self.blocks) - 1

    def _with(self, node: exp.Expr, named: Mapping[str, int], depth: int) -> Mapping[str, int]:
        clause = node.args.get("with_")
        if clause is None:
            return named
        inner = dict(named)
        for cte in clause.expressions:
            place = self.query(cte.this, inner, depth=depth + 1)
            if place is not None:
                inner[cte.alias.lower()] = place
        return inner

    def _select(self, select: exp.Expr, named: Mapping[str, int], depth: int) -> Block:
        joins: list[exp.Expr] = select.args.get("joins") or []
        first = select.args.get("from_")
        read = [*([first.this] if first else []), *(join.this for join in joins)]
        sources: dict[str, Source] = {}
        for source in read:
            name = source.alias_or_name.lower()
            sources[f"{name}#{len(sources)}" if name in sources else name] = self._source(source, named, depth)
        said = self._own[id(select)]
        own = [*said.clauses, *said.conditions]
        for node in reversed(own):
            if isinstance(node, exp.Query):
                self.query(node, named, depth=depth + 1)
        links = _Links(sources)
        for condition in _conditions(select, joins):
            links.add(condition)
        return _block(select, links, own, unnamed=sum(bool(join.args.get("using")) for join in joins))

    def _source(self, source: exp.Expr, named: Mapping[str, int], depth: int) -> Source:
        if not isinstance(source, exp.Table):
            return Source(None, self.query(source, named, depth=depth + 1))
        place = self._places.get(id(source))
        return Source(place, named.get(source.name.lower()) if place is None else None)


class _Links:
    """What conditions say of the sources of one SELECT."""

    def __init__(self, sources: Mapping[str, Source]) -> None:
        self._sources = sources
        self._kept = dict.fromkeys(sources, 1.0)
        self._parent = {name: name for name in sources}
        self._unnamed = 0
        self.kept = 1.0

    def add(self, condition: exp.Expr) -> None:
        if len(self._sources) == 1:
            self._kept[next(iter(self._sources))] *= _kept(condition)
            return
        columns = [node for node in _own(condition) if isinstance(node, exp.Column)]
        names = {column.table.lower() for column in columns} & self._sources.keys()
        if len(names) == 1:
            self._kept[names.pop()] *= _kept(condition)
        elif names and isinstance(condition, exp.EQ):
            self._link(sorted(names))
        elif names:
            self.kept *= _KEPT_BY_A_JOIN
        elif isinstance(condition, exp.EQ) and len(columns) > 1:
            self._unnamed += 1
        else:
            self.kept *= _kept(condition)

    def _link(self, names: Sequence[str]) -> None:
        root = self._root(names[0])
        for name in names[1:]:
            self._parent[self._root(name)] = root

    def _root(self, name: str) -> str:
        """The source that stands for all that are linked with this one: union-find with path halving."""
        parent = self._parent
        while parent[name] != name:
            parent[name] = parent[parent[name]]
            name = parent[name]
        return name

    def sources(self, unnamed: int) -> tuple[Source, ...]:
        """Each with its share and its component; conditions without qualifiers link what nothing else does."""
        names, spare = list(self._sources), self._unnamed + unnamed
        for name in names[1:]:
            if spare and self._root(name) != self._root(names[0]):
                self._link([names[0], name])
                spare -= 1
        places = {name: place for place, name in enumerate(names)}
        return tuple(
            Source(source.table, source.block, self._kept[name], places[self._root(name)])
            for name, source in self._sources.items()
        )


def _block(select: exp.Expr, links: _Links, own: Sequence[exp.Expr], *, unnamed: int) -> Block:
    """`own` is all that the SELECT says itself, `unnamed` how many of its joins have USING."""
    sources = links.sources(unnamed)
    columns: set[tuple[str, str]] = set()
    stars, aggregates, windows = 0, False, False
    for node in own:
        if isinstance(node, exp.Column):
            columns.add((node.table.lower(), node.name.lower()))
        elif isinstance(node, exp.Star):
            stars += not isinstance(node.parent, exp.AggFunc)
        elif isinstance(node, exp.Window):
            windows = True
        elif isinstance(node, exp.AggFunc):
            aggregates = aggregates or not isinstance(node.parent, exp.Window)
    groups, distinct = bool(select.args.get("group")), bool(select.args.get("distinct"))
    sorts = windows or bool(select.args.get("order"))
    return Block(
        sources=sources,
        kept=links.kept,
        columns=max(1, len(columns) + stars * _STAR * len(sources)),
        limit=_limit(select),
        aggregates=aggregates,
        groups=groups,
        distinct=distinct,
        streams=not (aggregates or groups or distinct or sorts),
    )


def _own(root: exp.Expr) -> Iterator[exp.Expr]:
    """Every node from this one down that is not inside a query, and the queries themselves."""
    stack = [root]
    while stack:
        node = stack.pop()
        yield node
        if not isinstance(node, exp.Query):
            stack.extend(node.iter_expressions())


def _conditions(select: exp.Expr, joins: Iterable[exp.Expr]) -> Iterator[exp.Expr]:
    """What WHERE and ON demand, one by one."""
    where = select.args.get("where")
    for clause in (where.this if where else None, *(join.args.get("on") for join in joins)):
        yield from _parts(clause, exp.And)


def _parts(clause: exp.Expr | None, connector: type[exp.Expr]) -> Iterator[exp.Expr]:
    """What a chain of ANDs, or of ORs, connects; brackets around parts of the chain make no difference."""
    stack = [clause] if clause else []
    while stack:
        node = stack.pop()
        inner = node
        while isinstance(inner, exp.Paren):
            inner = inner.this
        if isinstance(inner, connector):
            stack.extend((inner.args["expression"], inner.this))
        else:
            yield inner


def _kept(predicate: exp.Expr, depth: int = 0) -> float:
    """The share of rows that a predicate keeps, in (0, 1]."""
    if depth > _DEEPEST:
        return _KEPT_BY_OTHERS
    if isinstance(predicate, (exp.And, exp.Or)):
        return _kept_by_chain(predicate, depth)
    if isinstance(predicate, (exp.Not, exp.Paren)):
        share = _kept(predicate.this, depth + 1)
        return share if isinstance(predicate, exp.Paren) else 1.0 - 0.9 * share
    if isinstance(predicate, exp.In) and predicate.expressions:
        return min(1.0, _KEPT[exp.EQ] * len(predicate.expressions))
    return _KEPT.get(type(predicate), _KEPT_BY_OTHERS)


def _kept_by_chain(predicate: exp.Expr, depth: int) -> float:
    shares = [_kept(part, depth + 1) for part in _parts(predicate, type(predicate))]
    return max(_FEWEST_KEPT, prod(shares)) if isinstance(predicate, exp.And) else min(1.0, sum(shares))


def _branches(node: exp.Expr) -> Iterator[exp.Expr]:
    """The queries that a chain of set operations combines, from the last to the first."""
    while isinstance(node, exp.SetOperation) and not node.args.get("with_"):
        yield node.args["expression"]
        node = node.this
    yield node


def _limit(query: exp.Expr) -> float:
    clause = query.args.get("limit")
    limit = limit_of(clause.args.get("expression") or clause.args.get("count")) if clause else None
    return inf if limit is None else limit
