"""What can be asked of a tenant's data: facts, what joins to them, columns to group by, measures and conditions."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from benchmarks.workload.tenants import Data


@dataclass(frozen=True, slots=True)
class Join:
    """A table that joins to the fact, or to the table with the alias `needs`."""

    table: str
    alias: str
    condition: str
    needs: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Star:
    """A fact table. Columns and conditions open with the alias of the one table they need; literals as in `fill`.

    `stranger` is a table that somebody joins and forgets the condition of.
    """

    fact: str
    alias: str
    joins: tuple[Join, ...]
    keys: tuple[str, ...]
    measures: tuple[str, ...]
    conditions: tuple[str, ...]
    unique: str
    stranger: str


LINES: Final = Star(
    fact="lineitem",
    alias="l",
    joins=(
        Join("orders", "o", "l.l_orderkey = o.o_orderkey"),
        Join("part", "p", "l.l_partkey = p.p_partkey"),
        Join("supplier", "s", "l.l_suppkey = s.s_suppkey"),
        Join("customer", "c", "o.o_custkey = c.c_custkey", needs="o"),
        Join("nation", "n", "s.s_nationkey = n.n_nationkey", needs="s"),
        Join("partsupp", "ps", "l.l_partkey = ps.ps_partkey and l.l_suppkey = ps.ps_suppkey"),
    ),
    keys=(
        "l.l_returnflag",
        "l.l_linestatus",
        "l.l_shipmode",
        "l.l_suppkey",
        "l.l_partkey",
        "o.o_orderpriority",
        "o.o_custkey",
        "p.p_brand",
        "p.p_type",
        "p.p_container",
        "s.s_name",
        "n.n_name",
        "c.c_mktsegment",
        "c.c_name",
    ),
    measures=("l.l_quantity", "l.l_extendedprice", "l.l_discount", "o.o_totalprice", "ps.ps_supplycost", "c.c_acctbal"),
    conditions=(
        "l.l_shipdate >= date '{date}'",
        "l.l_shipdate between date '{date}' and date '{date}'",
        "l.l_quantity < {quantity}",
        "l.l_orderkey = {key}",
        "l.l_extendedprice > {price}",
        "l.l_comment like '%{word}%'",
        "o.o_orderdate < date '{date}'",
        "p.p_brand = '{brand}'",
        "p.p_size > {size}",
        "n.n_name in ({nations})",
        "c.c_mktsegment = '{segment}'",
    ),
    unique="l.l_orderkey",
    stranger="part",
)
ORDERS: Final = Star(
    fact="orders",
    alias="o",
    joins=(
        Join("customer", "c", "o.o_custkey = c.c_custkey"),
        Join("nation", "n", "c.c_nationkey = n.n_nationkey", needs="c"),
        Join("region", "r", "n.n_regionkey = r.r_regionkey", needs="n"),
        Join("lineitem", "l", "l.l_orderkey = o.o_orderkey"),
    ),
    keys=(
        "o.o_orderstatus",
        "o.o_orderpriority",
        "o.o_clerk",
        "o.o_custkey",
        "c.c_mktsegment",
        "c.c_name",
        "n.n_name",
        "r.r_name",
        "l.l_shipmode",
    ),
    measures=("o.o_totalprice", "c.c_acctbal", "l.l_quantity", "l.l_extendedprice"),
    conditions=(
        "o.o_orderdate >= date '{date}'",
        "o.o_totalprice > {total}",
        "o.o_orderkey = {key}",
        "o.o_comment not like '%{word}%requests%'",
        "c.c_acctbal > {balance}",
        "c.c_mktsegment = '{segment}'",
        "n.n_name in ({nations})",
        "l.l_quantity > {quantity}",
    ),
    unique="o.o_custkey",
    stranger="supplier",
)
STOCK: Final = Star(
    fact="partsupp",
    alias="ps",
    joins=(
        Join("part", "p", "ps.ps_partkey = p.p_partkey"),
        Join("supplier", "s", "ps.ps_suppkey = s.s_suppkey"),
        Join("nation", "n", "s.s_nationkey = n.n_nationkey", needs="s"),
    ),
    keys=("ps.ps_suppkey", "p.p_brand", "p.p_type", "p.p_container", "s.s_name", "n.n_name"),
    measures=("ps.ps_supplycost", "ps.ps_availqty", "p.p_retailprice", "s.s_acctbal"),
    conditions=(
        "ps.ps_availqty < {balance}",
        "ps.ps_partkey = {key}",
        "p.p_brand = '{brand}'",
        "p.p_size < {size}",
        "s.s_acctbal > {balance}",
        "n.n_name in ({nations})",
    ),
    unique="ps.ps_partkey",
    stranger="customer",
)
STORE_SALES: Final = Star(
    fact="store_sales",
    alias="ss",
    joins=(
        Join("date_dim", "d", "ss.ss_sold_date_sk = d.d_date_sk"),
        Join("item", "i", "ss.ss_item_sk = i.i_item_sk"),
        Join("store", "st", "ss.ss_store_sk = st.s_store_sk"),
        Join("customer", "c", "ss.ss_customer_sk = c.c_customer_sk"),
        Join("customer_address", "ca", "c.c_current_addr_sk = ca.ca_address_sk", needs="c"),
    ),
    keys=(
        "ss.ss_store_sk",
        "ss.ss_item_sk",
        "ss.ss_customer_sk",
        "d.d_year",
        "d.d_day_name",
        "i.i_category",
        "i.i_brand",
        "st.s_store_name",
        "ca.ca_state",
    ),
    measures=("ss.ss_quantity", "ss.ss_sales_price", "ss.ss_net_profit", "ss.ss_ext_discount_amt", "i.i_current_price"),
    conditions=(
        "ss.ss_quantity > {quantity}",
        "ss.ss_item_sk = {key}",
        "ss.ss_net_profit > {size}",
        "d.d_date >= date '{sold}'",
        "d.d_year = {year}",
        "i.i_category in ({categories})",
        "ca.ca_state in ({states})",
    ),
    unique="ss.ss_ticket_number",
    stranger="customer",
)
WEB_SALES: Final = Star(
    fact="web_sales",
    alias="ws",
    joins=(
        Join("date_dim", "d", "ws.ws_sold_date_sk = d.d_date_sk"),
        Join("item", "i", "ws.ws_item_sk = i.i_item_sk"),
        Join("customer", "c", "ws.ws_bill_customer_sk = c.c_customer_sk"),
    ),
    keys=("ws.ws_web_site_sk", "ws.ws_item_sk", "d.d_year", "i.i_category", "i.i_brand", "c.c_birth_country"),
    measures=("ws.ws_quantity", "ws.ws_sales_price", "ws.ws_net_profit", "i.i_current_price"),
    conditions=(
        "ws.ws_quantity > {quantity}",
        "ws.ws_net_profit > {size}",
        "d.d_date between date '{sold}' and date '{sold}'",
        "i.i_category in ({categories})",
    ),
    unique="ws.ws_order_number",
    stranger="store",
)

STARS: Final[Mapping[Data, tuple[Star, ...]]] = {
    Data.TPCH: (LINES, ORDERS, STOCK),
    Data.TPCDS: (STORE_SALES, WEB_SALES),
}
TABLES: Final[Mapping[Data, tuple[str, ...]]] = {
    Data.TPCH: ("region", "nation", "supplier", "customer", "part", "partsupp", "orders", "lineitem"),
    Data.TPCDS: ("date_dim", "store", "item", "customer", "customer_address", "store_sales", "web_sales"),
}
