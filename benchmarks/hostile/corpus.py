"""Statements that a fuzzer begins with: real ones, those of the SQL fixtures, those of other fuzzers, and shapes."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pyarrow.parquet as pq

from benchmarks.hostile.shapes import Shape, read_shapes
from infra.local.loop import EVENTS
from infra.local.servers.programs import ROOT
from smart_routing.querylog.source import read_query_log

SQL_FIXTURES: Final = ROOT / "tests" / "fixtures" / "sql"
TEST_DATA: Final = "SMART_ROUTING_TEST_DATA"


@dataclass(frozen=True, slots=True)
class Corpus:
    """Statements, each once and in an order that any machine finds again, and shapes."""

    statements: tuple[str, ...]
    shapes: tuple[Shape, ...]


def read_corpus(*, test_data: Path | None) -> Corpus:
    """`test_data` is the folder with sql-stress; without it there are fewer statements."""
    found = {record.request().sql for record in read_query_log(str(EVENTS), rejects=None)}
    for file in SQL_FIXTURES.glob("*.sql"):
        found |= {block.partition("\n")[2] for block in file.read_text().split("\n\n")}
    if test_data is not None:
        table = pq.read_table(test_data / "sql-stress" / "sql_stress_dev.parquet", columns=["sql"])
        found |= set(table.column("sql").to_pylist())
    return Corpus(tuple(sorted(found)), tuple(read_shapes()))


def test_data_of(environment: os._Environ[str]) -> Path | None:
    """The folder of external data, where this machine was given one."""
    folder = environment.get(TEST_DATA)
    return Path(folder) if folder else None
