"""Statements that write: jobs of an ETL tool in the tenant's mart, and the loads that make its tables grow."""

from collections.abc import Sequence
from random import Random
from typing import Final

from benchmarks.workload.literals import fill
from benchmarks.workload.tenants import CATALOG, Tenant

SHIFT: Final = 10_000_000
"""Order keys of a doubling lie this far above those it copies; a scale of 1 has 6,000,000."""

ORDER_COLUMNS: Final = (
    "o_custkey, o_orderstatus, o_totalprice, o_orderdate, o_orderpriority, o_clerk, o_shippriority, o_comment"
)
LINE_COLUMNS: Final = (
    "l_partkey, l_suppkey, l_linenumber, l_quantity, l_extendedprice, l_discount, l_tax, l_returnflag, l_linestatus, "
    "l_shipdate, l_commitdate, l_receiptdate, l_shipinstruct, l_shipmode, l_comment"
)

JOBS: Final[tuple[tuple[str, ...], ...]] = (
    (
        "create table {mart}.daily_{job} as select o_orderdate as day, o_orderpriority as priority, "
        "count(*) as orders, sum(o_totalprice) as value from orders where o_orderdate >= date '{date}' group by 1, 2",
        "insert into {mart}.daily_{job} select o_orderdate, 'ALL', count(*), sum(o_totalprice) from orders "
        "where o_orderdate < date '{date}' group by 1",
        "merge into {mart}.daily_{job} d using (select o_orderdate as day, o_orderpriority as priority, "
        "count(*) as orders from orders where o_orderdate between date '{date}' and date "
        "'1998-08-02' group by 1, 2) o\n"
        "on d.day = o.day and d.priority = o.priority\nwhen matched then update set orders = o.orders\n"
        "when not matched then insert (day, priority, orders) values (o.day, o.priority, o.orders)",
        "delete from {mart}.daily_{job} where day < date '{date}'",
        "select count(*) from {mart}.daily_{job}",
        "drop table {mart}.daily_{job}",
    ),
    (
        "create table {mart}.customer_360_{job} as select c.*, o.orders, o.spent from customer c "
        "left join (select o_custkey, count(*) as orders, sum(o_totalprice) as spent from orders "
        "group by 1) o on c.c_custkey = o.o_custkey",
        "update {mart}.customer_360_{job} set c_comment = null where c_acctbal > {balance}",
        "analyze {mart}.customer_360_{job}",
        "drop table {mart}.customer_360_{job}",
    ),
    (
        "create table {mart}.lines_{job} as select l.*, p.p_brand, p.p_type from lineitem l join part p "
        "on l.l_partkey = p.p_partkey where l.l_shipdate >= date '{date}'",
        "delete from {mart}.lines_{job} where l_quantity > {quantity}",
        "insert into {mart}.lines_{job} select l.*, p.p_brand, p.p_type from lineitem l join part p "
        "on l.l_partkey = p.p_partkey where l.l_shipdate < date '{date}' and l.l_quantity < 3",
        "drop table {mart}.lines_{job}",
    ),
)


def job_steps(tenant: Tenant, random: Random, *, number: int) -> list[str]:
    """The statements of one job on TPC-H tables, in order; `number` makes the names of its tables."""
    return [fill(step, random, mart=tenant.mart, job=str(number)) for step in random.choice(JOBS)]


def doubling(tenant: Tenant, *, place: int) -> Sequence[str]:
    """The statements of a tenant's doubling number `place`, from 0: all orders and lines again under new keys."""
    shift, schema = SHIFT * 2**place, f"{CATALOG}.{tenant.schema}"
    return (
        f"insert into {schema}.orders select o_orderkey + {shift}, {ORDER_COLUMNS} from {schema}.orders",
        f"insert into {schema}.lineitem select l_orderkey + {shift}, {LINE_COLUMNS} from {schema}.lineitem",
    )
