"""The tiles of dashboards: few templates, whose literals change from one refresh to the next."""

from collections.abc import Mapping
from random import Random
from typing import Final

from benchmarks.workload.literals import fill
from benchmarks.workload.tenants import Data, Tenant

TILES_OF_A_BOARD: Final = 4

TILES: Final[Mapping[Data, tuple[str, ...]]] = {
    Data.TPCH: (
        "select date_trunc('month', o_orderdate) as month, sum(o_totalprice) as revenue, count(*) as orders\n"
        "from orders where o_orderdate >= date '{date}' group by 1 order by 1",
        "select n_name, sum(o_totalprice) as revenue\nfrom orders join customer on o_custkey = c_custkey "
        "join nation on c_nationkey = n_nationkey\nwhere o_orderdate >= date '{date}' "
        "group by n_name order by 2 desc limit 10",
        "select l_shipmode, count(*) as late from lineitem\n"
        "where l_receiptdate > l_commitdate and l_shipdate >= date '{date}' group by l_shipmode order by late desc",
        "select count(*) as open_orders, sum(o_totalprice) as value from orders where o_orderstatus = 'O'",
        "select o_orderpriority, count(*) as n, approx_percentile(o_totalprice, 0.95) as p95\n"
        "from orders where o_orderdate between date '{date}' and date '1998-08-02' group by 1 order by 1",
        "select c_mktsegment, count(*) as customers, avg(c_acctbal) as balance from customer group by 1 order by 1",
        "select p_brand, sum(l_extendedprice * (1 - l_discount)) as revenue\n"
        "from lineitem join part on l_partkey = p_partkey\n"
        "where l_shipdate >= date '{date}' group by p_brand order by 2 desc limit 20",
        "select c_custkey, c_name, sum(o_totalprice) as lifetime_value\n"
        "from customer left join orders on c_custkey = o_custkey\n"
        "group by c_custkey, c_name order by lifetime_value desc nulls last limit 100",
        "select s_name, avg(date_diff('day', l_commitdate, l_receiptdate)) as delay\nfrom lineitem join supplier "
        "on l_suppkey = s_suppkey\nwhere l_receiptdate > l_commitdate and l_shipdate >= date '{date}' "
        "group by s_name order by delay desc limit 25",
        "select p_name, p_retailprice from part where p_brand = '{brand}' and p_size = {size} order by 2 desc limit 20",
    ),
    Data.TPCDS: (
        "select d_year, d_moy, sum(ss_net_paid) as revenue\n"
        "from store_sales join date_dim on ss_sold_date_sk = d_date_sk\n"
        "where d_date >= date '{sold}' group by 1, 2 order by 1, 2",
        "select i_category, sum(ss_net_profit) as profit from store_sales join item on ss_item_sk = i_item_sk\n"
        "group by 1 order by 2 desc",
        "select s_store_name, count(*) as tickets from store_sales join store on ss_store_sk = s_store_sk\n"
        "group by 1 order by 2 desc limit 10",
        "select ca_state, count(*) as customers\n"
        "from customer join customer_address on c_current_addr_sk = ca_address_sk\n"
        "where ca_state in ({states}) group by 1 order by 2 desc",
        "select count(*) as orders, sum(ws_net_paid) as value from web_sales where ws_quantity > {quantity}",
        "select i_brand, avg(i_current_price) as price from item\n"
        "where i_category in ({categories}) group by 1 limit 50",
    ),
}


def tiles_of(tenant: Tenant, random: Random) -> tuple[str, ...]:
    """The templates of a tenant's one board."""
    return tuple(random.sample(TILES[tenant.data], TILES_OF_A_BOARD))


def refreshed(tiles: tuple[str, ...], random: Random) -> list[str]:
    """The statements of one refresh, as the tool sends them: with the number of the chart."""
    return [f"/* superset chart={number} */\n{fill(tile, random)}" for number, tile in enumerate(tiles, start=1)]
