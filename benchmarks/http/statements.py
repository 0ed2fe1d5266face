"""The statements that servers are asked about, each with who asks it."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from smart_routing.errors import InputError
from smart_routing.querylog.source import read_query_log
from smart_routing.request import Request

FIXED: Final = """select n.n_name, count(*) as orders, sum(o.o_totalprice) as revenue, avg(o.o_totalprice) as average
from lake.sales.orders o join lake.sales.nation n on o.o_nationkey = n.n_nationkey
where o.o_orderdate >= date '2026-01-01' and o.o_orderstatus in ('O', 'F')
group by n.n_name order by revenue desc limit 20"""
TPCDS_FILE: Final = Path("lst-bench-tpcds") / "lst_dev.parquet"


@dataclass(frozen=True, slots=True)
class Statement:
    """A text, and who asks where."""

    sql: str
    user: str
    source: str | None
    catalog: str | None
    schema: str | None

    @classmethod
    def of(cls, request: Request) -> "Statement":
        return cls(request.sql, request.user, request.source, request.catalog, request.schema)


@dataclass(frozen=True, slots=True)
class Corpus:
    """Distinct statements in the order in which they are asked."""

    name: str
    statements: tuple[Statement, ...]

    def lengths(self) -> str:
        """How long they are, for a report."""
        sizes = [len(statement.sql) for statement in self.statements]
        p10, p50, p90, p99 = (round(float(value)) for value in np.quantile(sizes, (0.1, 0.5, 0.9, 0.99)))
        return (
            f"{self.name}: {len(sizes):,} of {p10:,} / {p50:,} / {p90:,} / {p99:,} characters "
            "(10th, 50th, 90th, 99th percentile)"
        )


def fixed_statement() -> Corpus:
    """A join of two tables with a group."""
    return Corpus("fixed statement", (Statement(FIXED, "ana", "superset", "lake", "sales"),))


def log_statements(events: str, *, seed: int) -> Corpus:
    """The distinct statements of a query log, as they were first asked, in an order drawn by `seed`."""
    first: dict[str, Request] = {}
    for record in read_query_log(events, rejects=None):
        request = record.request()
        first.setdefault(request.sql, request)
    return Corpus("the log's statements", _shuffled([Statement.of(request) for request in first.values()], seed))


def tpcds_statements(data: Path, *, seed: int) -> Corpus:
    """The distinct Trino statements of LST-Bench; raises `InputError` where `data` has no such file."""
    from pyarrow import parquet  # of the training environment, and only here

    path = data / TPCDS_FILE
    if not path.exists():
        raise InputError(f"{path} is missing: expected LST-Bench's statements in the folder of test data")
    rows = parquet.read_table(path, columns=["system", "sql", "catalog"]).to_pylist()
    texts = dict.fromkeys((row["sql"], row["catalog"]) for row in rows if row["system"] == "trino")
    found = [Statement(sql, "tpcds", "lst-bench", catalog, "tpcds") for sql, catalog in texts]
    return Corpus("TPC-DS statements", _shuffled(found, seed))


def _shuffled(statements: Sequence[Statement], seed: int) -> tuple[Statement, ...]:
    order = list(statements)
    random.Random(seed).shuffle(order)  # an order, not a secret
    return tuple(order)
