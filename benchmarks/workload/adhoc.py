"""A grammar of analysts' statements: what is joined and kept, and what is asked of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

from benchmarks.workload.literals import fill
from benchmarks.workload.stars import Join, Star

AGGREGATES: Final = ("sum({0})", "avg({0})", "min({0})", "max({0})", "stddev({0})", "approx_percentile({0}, 0.9)")
WINDOWS: Final = ("row_number()", "rank()", "dense_rank()")
OPENINGS: Final = ("", "", "", "", "-- quick check\n", "-- for the review on friday\n", "/* notebook cell 12 */\n")


@dataclass(frozen=True, slots=True)
class Scope:
    """The rows that a statement is about."""

    star: Star
    joins: tuple[Join, ...]
    conditions: tuple[str, ...]
    commas: bool

    @property
    def aliases(self) -> frozenset[str]:
        return frozenset((self.star.alias, *(join.alias for join in self.joins)))

    def having(self, columns: Sequence[str]) -> list[str]:
        """Those of the columns or conditions whose table is here."""
        return [column for column in columns if column.partition(".")[0] in self.aliases]

    def text(self, *, extra: tuple[str, ...] = ()) -> str:
        """From the keyword `from` to the last condition."""
        fact = f"{self.star.fact} {self.star.alias}"
        if self.commas:
            tables = ", ".join([fact, *(f"{join.table} {join.alias}" for join in self.joins)])
            return f"from {tables}{_where([join.condition for join in self.joins] + [*self.conditions, *extra])}"
        joined = "".join(f"\njoin {join.table} {join.alias} on {join.condition}" for join in self.joins)
        return f"from {fact}{joined}{_where([*self.conditions, *extra])}"


def ad_hoc(random: Random, stars: Sequence[Star]) -> str:
    """A statement that somebody might write; any shape over any of the stars."""
    scope = draw_scope(random, random.choice(stars))
    shape = random.choices([shape for shape, _ in SHAPES], [weight for _, weight in SHAPES])[0]
    return random.choice(OPENINGS) + fill(shape(random, scope), random)


def draw_scope(random: Random, star: Star) -> Scope:
    """Joins with those that they need, and up to three conditions; mostly few of both."""
    wanted = random.sample(star.joins, min(random.choice((0, 0, 1, 1, 1, 2, 2, 3, 4)), len(star.joins)))
    aliases = {join.alias for join in wanted}
    for join in reversed(star.joins):
        if join.alias in aliases and join.needs:
            aliases.add(join.needs)
    joins = tuple(join for join in star.joins if join.alias in aliases)
    bare = Scope(star, joins, (), random.random() < 0.3)
    possible = bare.having(star.conditions)
    conditions = tuple(random.sample(possible, min(random.choice((0, 1, 1, 2, 2, 3)), len(possible))))
    return Scope(star, joins, conditions, bare.commas)


def _grouped(random: Random, scope: Scope) -> str:
    keys = _some(random, scope.having(scope.star.keys), most=3)
    measures = [
        random.choice(AGGREGATES).format(one) for one in _some(random, scope.having(scope.star.measures), most=3)
    ]
    selected = ", ".join([*keys, *(f"{measure} as m{place}" for place, measure in enumerate(measures))])
    ending = random.choice(("", "\norder by {last} desc\nlimit {{top}}", "\nhaving count(*) > {{rank}}"))
    places = ", ".join(str(place + 1) for place in range(len(keys)))
    return f"select {selected}\n{scope.text()}\ngroup by {places}" + ending.format(last=len(keys) + 1)


def _counted(_: Random, scope: Scope) -> str:
    return f"select count(*) {scope.text()}"


def _peeked(random: Random, scope: Scope) -> str:
    columns = _some(random, scope.having(scope.star.keys + scope.star.measures), most=5)
    return f"select {', '.join(columns)}\n{scope.text()}\nlimit {{top}}"


def _distinct(random: Random, scope: Scope) -> str:
    key = random.choice(scope.having(scope.star.keys))
    return f"select {key}, count(distinct {scope.star.unique}) as uniq\n{scope.text()}\ngroup by 1\norder by 2 desc"


def _sorted(random: Random, scope: Scope) -> str:
    columns = _some(random, scope.having(scope.star.keys), most=4)
    measure = random.choice(scope.having(scope.star.measures))
    return f"select {', '.join(columns)}, {measure} as m\n{scope.text()}\norder by m desc\nlimit {{top}}"


def _windowed(random: Random, scope: Scope) -> str:
    key = random.choice(scope.having(scope.star.keys))
    measure = random.choice(scope.having(scope.star.measures))
    window = f"{random.choice(WINDOWS)} over (partition by {key} order by {measure} desc)"
    return (
        f"select * from (\n  select {key} as k, {measure} as v, {window} as place\n  {scope.text()}\n) ranked\n"
        "where place <= {rank}\nlimit {top}"
    )


def _in_steps(random: Random, scope: Scope) -> str:
    key = random.choice(scope.having(scope.star.keys))
    measure = random.choice(scope.having(scope.star.measures))
    return (
        f"with base as (\n  select {key} as k, sum({measure}) as total, count(*) as n\n  {scope.text()}\n  group by 1\n"
        ")\nselect k, total, n from base\nwhere total > (select avg(total) from base)\norder by total desc\nlimit {top}"
    )


def _half_joined(random: Random, scope: Scope) -> str:
    unique = scope.star.unique
    inner = (
        f"select {unique.partition('.')[2]} from {scope.star.fact} group by 1 having count(*) > {random.randint(1, 4)}"
    )
    return f"select count(*), count(distinct {unique})\n{scope.text(extra=(f'{unique} in ({inner})',))}"


def _whole_rows(_: Random, scope: Scope) -> str:
    """Everything sorted: what an export does."""
    return f"select distinct {', '.join(scope.having(scope.star.keys)[:5])}, {scope.star.unique}\n{scope.text()}"


def _forgotten(random: Random, scope: Scope) -> str:
    measure = random.choice(scope.having(scope.star.measures))
    keyless = Scope(scope.star, scope.joins, scope.conditions, commas=True).text()
    return f"select count(*), sum({measure})\n{keyless.replace('from ', f'from {scope.star.stranger} forgotten, ', 1)}"


SHAPES: Final[tuple[tuple[Callable[[Random, Scope], str], float], ...]] = (
    (_grouped, 30),
    (_counted, 10),
    (_peeked, 16),
    (_sorted, 10),
    (_distinct, 10),
    (_windowed, 8),
    (_in_steps, 8),
    (_half_joined, 5),
    (_whole_rows, 2),
    (_forgotten, 1),
)


def _some(random: Random, columns: Sequence[str], *, most: int) -> list[str]:
    return random.sample(columns, random.randint(1, min(most, len(columns))))


def _where(conditions: Sequence[str]) -> str:
    return "\nwhere " + "\n  and ".join(conditions) if conditions else ""
