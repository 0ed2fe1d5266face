"""Statements from a seed: pieces of real ones spliced, repeated, nested, cut and strewn with what does not belong."""

import re
from collections.abc import Callable
from random import Random
from typing import Final

from benchmarks.hostile.corpus import Corpus

LONGEST: Final = 1_100_000
"""Characters; above 1 MiB no statement is read."""
_USUAL: Final = 40_000
_PIECE: Final = re.compile(r"\w+|\s+|[^\w\s]")
_PIECES_READ: Final = 4000

_KEYWORDS: Final = """
select from where and or not in is null as on using join left full cross natural lateral unnest with recursive union
intersect except all distinct group by having order limit offset fetch case when then else end cast try_cast row array
map interval date timestamp decimal exists any between like escape over partition rows range window filter within
match_recognize pattern define values table tablesample grouping sets cube rollup explain analyze execute immediate
prepare insert into update set delete merge create drop call show
"""
_WORDS: Final = tuple(_KEYWORDS.split())
_MARKS: Final = (*"()[]{},;.:?+-*/%<>=!|&^~@#$'\"`\\", "->", "=>", "||", "::", "/*", "*/", "--", "''", '""')
_ODD: Final = (
    *("\x00", "\x01", "\x1a", "\x7f", "\ufeff", "\u200b", "\u2028", "\u00a0", "\u202e", "\ud800", "\udfff"),
    *("\U0001f600", "e\u0301", "\u0130", "\u017f", "\u00b2", "\uff08", "\uff07", "\ufffe", "\n", "\r", "\t", "\x0b"),
)
_BRACKETS: Final = (
    *(("(", ")"), ("[", "]"), ("f(", ")"), ("(select ", ")"), ("case when ", " end"), ("cast(", " as x)")),
    *(("a limit (", ")"), ("f(a offset (", "))"), ("(select 1 from (t) limit (", "))"), ("row(", ")"), ("array<", ">")),
)
_TYPED: Final = ("time", "timestamp(3)", "date", "varchar", "interval", "- interval", "json", "decimal(1)")
_LOOKED_INTO: Final = (":", "1", " ", "1.", "-1", ".a", "[0]", "int ", "row(", "a")

_FORMS: Final = (
    *("({})", "f({})", "sum({}) over (partition by {})", "case when {} then {} else {} end", "cast({} as row(x int))"),
    *("{} and {}", "{} or {}", "not {}", "{} in ({}, 1, 2)", "{}[{}]", "{} between {} and 1", "- {}", "{} || {}"),
    *("exists (select {})", "coalesce({}, {})", "transform({}, x -> {})", "{} like {} escape '!'", "{} is null"),
)

Mutation = Callable[[str, Random, Corpus], str]


def statement(corpus: Corpus, random: Random) -> str:
    """A statement, at most `LONGEST` characters; most are short."""
    base = random.choice((_real, _real, _grammar, _shape, _strewn))
    sql = base(corpus, random)
    for _ in range(random.choice((0, 1, 1, 2, 3, 6))):
        sql = random.choice(MUTATIONS)(sql, random, corpus)
    return sql[:LONGEST]


def _real(corpus: Corpus, random: Random) -> str:
    return random.choice(corpus.statements)


def _shape(corpus: Corpus, random: Random) -> str:
    times = int(10 ** (3.7 * random.random() ** 2))
    return random.choice(corpus.shapes).sql(times)[: LONGEST if random.random() < 0.1 else _USUAL]


def _strewn(_: Corpus, random: Random) -> str:
    drawn = random.choices((*_WORDS, *_MARKS, "a", "1", "'x'"), k=int(10 ** random.uniform(0, 3)))
    return " ".join(drawn)


def _grammar(_: Corpus, random: Random) -> str:
    return _query(random, depth=random.randint(1, 7))


def _query(random: Random, depth: int) -> str:
    listed = ", ".join(_expression(random, depth - 1) for _ in range(random.randint(1, 3)))
    read = _source(random, depth - 1)
    for _ in range(random.choice((0, 0, 1, 2, 12))):
        kind = random.choice(("join", "left join", "cross join", "natural join", ",", "full join"))
        on = random.choice(("", " on a.x = b.x", " using (x)"))
        read += f" {kind} {_source(random, min(1, depth - 1))}{on}"
    tail = random.choice(("", f" where {_expression(random, depth - 1)}", " group by 1", " order by 1 limit 5"))
    return f"select {listed} from {read}{tail}"


def _source(random: Random, depth: int) -> str:
    if depth <= 0 or random.random() < 0.5:
        named = f"t as {random.choice(_WORDS)}"
        return random.choice(("t", "c.s.t", "t a", "unnest(x) as u(y)", "(values (1)) v", named))
    return f"({_query(random, depth - 1)}) q"


def _expression(random: Random, depth: int) -> str:
    if depth <= 0:
        leaves = ("a", "a.b", "1", "'x'", "*", "null", "x -> x", "interval '1' day", "array[1]", _literal(random))
        return random.choice(leaves)
    inner = _expression(random, depth - 1)
    form = random.choice(_FORMS)
    return form.replace("{}", inner)


def _literal(random: Random) -> str:
    """A text that the parser may look into: after the word of a type, as a path, or as a quoted type."""
    text = random.choice(_LOOKED_INTO) * int(10 ** (4.5 * random.random() ** 2))
    forms = (f"{random.choice(_TYPED)} '{text}'", f"json_extract(a, '${text}')", f'cast(a as "{text}")')
    return random.choice(forms)


def _splice(sql: str, random: Random, corpus: Corpus) -> str:
    first, second = _pieces(sql), _pieces(random.choice(corpus.statements))
    return "".join(first[: random.randint(0, len(first))] + second[random.randint(0, len(second)) :])


def _repeat(sql: str, random: Random, _: Corpus) -> str:
    before, part, after = _cut(sql, random)
    most = max(1, (_USUAL if random.random() < 0.98 else LONGEST) // max(1, len(part)))
    return before + part * min(most, int(10 ** (4.5 * random.random() ** 2))) + after


def _nest(sql: str, random: Random, _: Corpus) -> str:
    before, part, after = _cut(sql, random)
    opening, closing = random.choice((*_BRACKETS, (random.choice(_WORDS) + " (", ")")))
    times = int(10 ** random.uniform(0, 2.7))
    return before + opening * times + part + closing * random.choice((times, times, times - 1, times + 1)) + after


def _truncate(sql: str, random: Random, _: Corpus) -> str:
    return sql[: random.randint(0, len(sql))]


def _drop(sql: str, random: Random, _: Corpus) -> str:
    before, _part, after = _cut(sql, random)
    return before + after


def _insert(sql: str, random: Random, _: Corpus) -> str:
    for _number in range(random.choice((1, 1, 3, 10))):
        place = random.randint(0, len(sql))
        what = random.choice((_WORDS, _MARKS, _ODD, _ODD))
        sql = sql[:place] + random.choice(what) * random.choice((1, 1, 1, 2, 50)) + sql[place:]
    return sql


def _shuffle(sql: str, random: Random, _: Corpus) -> str:
    pieces = _pieces(sql)
    random.shuffle(pieces)
    return " ".join(pieces)


def _explain(sql: str, random: Random, _: Corpus) -> str:
    quoted = sql.replace("'", "''")
    return random.choice(
        (f"explain analyze {sql}", f"execute immediate '{quoted}'", f"/* {sql} */ select 1", f"({sql}")
    )


MUTATIONS: Final[tuple[Mutation, ...]] = (
    *(_splice, _splice, _repeat, _nest, _truncate, _drop, _insert, _insert),
    *(_shuffle, _explain),
)


def _pieces(sql: str) -> list[str]:
    return _PIECE.findall(sql[: _USUAL // 4])[:_PIECES_READ]


def _cut(sql: str, random: Random) -> tuple[str, str, str]:
    """In three, the middle one short as a rule."""
    start = random.randint(0, len(sql))
    end = min(len(sql), start + int(10 ** random.uniform(0, 2.5)))
    return sql[:start], sql[start:end], sql[end:]
