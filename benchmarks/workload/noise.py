"""What tools and people send beside their work: metadata statements, and mistakes."""

from random import Random
from typing import Final

from benchmarks.workload.literals import fill
from benchmarks.workload.stars import STARS, TABLES
from benchmarks.workload.tenants import CATALOG, Tenant

METADATA: Final = (
    "show catalogs",
    "show schemas from {catalog}",
    "show tables",
    "show tables from {catalog}.{schema}",
    "show columns from {table}",
    "describe {table}",
    "show create table {table}",
    "show stats for {table}",
    "explain select count(*) from {table}",
    "select table_name from information_schema.tables where table_schema = '{schema}'",
    "select column_name, data_type from information_schema.columns "
    "where table_schema = '{schema}' and table_name = '{table}'",
)
MISTAKES: Final = (
    "selct count(*) from {table}",
    "select count(* from {table} where 1 = 1",
    "select * from {table}_backup limit {top}",
    "select no_such_column from {table}",
    "select count(*) / (count(*) - count(*)) from {table}",
    "select {quantity} / 0 from {table}",
    "select {unique} || 1 from {table}",
    "select median({unique}) from {table}",
)


def metadata(tenant: Tenant, random: Random) -> str:
    """What a tool asks when somebody opens it, or looks at a table."""
    table = random.choice(TABLES[tenant.data])
    return fill(random.choice(METADATA), random, catalog=CATALOG, schema=tenant.schema, table=table)


def mistake(tenant: Tenant, random: Random) -> str:
    """A statement that fails: its text, a name in it, its types, or a division by zero."""
    star = random.choice(STARS[tenant.data])
    return fill(random.choice(MISTAKES), random, table=star.fact, unique=star.unique.partition(".")[2])
