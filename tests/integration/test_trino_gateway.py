"""A real trino-gateway without a router: where our rules send each statement, and what it says of its groups."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
import yaml

from infra.local.servers import Backend, add_backend, backend_is_healthy, gateway_server, router_server
from tests.bundles import JoinModel
from tests.fake_trino import fake_trino
from tests.shell import ROOT, Shell, own_environment
from tests.waiting import wait_until

FOLDER = ROOT / "infra" / "trino-gateway"
HEALTHY_WITHIN_SECONDS = 30.0
HEADERS = {
    "Content-Type": "text/plain; charset=utf-8",
    "X-Trino-User": "ana",
    "X-Trino-Catalog": "tpch",
    "X-Trino-Schema": "tiny",
}
THREE_JOINS = "select * from a join b on a.x = b.x join c on a.x = c.x JOIN d on a.x = d.x"


@pytest.fixture(scope="module")
def gateway(
    new_server_folder: Callable[[str], Path],
    postgres_database: Callable[[], str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[str]:
    """A gateway with the rules of docs/operations.md in the router's place, and one cluster in each group."""
    config = yaml.safe_load((FOLDER / "config.yaml").read_text())
    config["routingRules"] = {
        "rulesEngineEnabled": True,
        "rulesType": "FILE",
        "rulesConfigPath": str(FOLDER / "rules.yaml"),
    }
    file = tmp_path_factory.mktemp("gateway") / "config.yaml"
    file.write_text(yaml.safe_dump(config))
    folder, database = new_server_folder("gateway-with-rules"), postgres_database()
    with ExitStack() as stack:
        url = stack.enter_context(gateway_server(folder, database=database, router="http://127.0.0.1:9", config=file))
        for group in ("small", "large"):
            cluster = stack.enter_context(fake_trino(group))
            add_backend(url, Backend(name=f"{group}-1", url=cluster, group=group))
        members = ("small-1", "large-1")
        wait_until(lambda: all(backend_is_healthy(url, name) for name in members), seconds=HEALTHY_WITHIN_SECONDS)
        yield url


def cluster_of(gateway: str, sql: str, **headers: str) -> str:
    """The cluster that a statement lands on."""
    reply = httpx.post(f"{gateway}/v1/statement", content=sql.encode(), headers=HEADERS | headers, timeout=20)
    ((found,),) = reply.raise_for_status().json()["data"]
    return str(found)


@pytest.mark.parametrize(
    "sql",
    [
        "select 1",
        "values 1",
        "select '\N{GRINNING FACE}'",
        "with x as (select 1) select * from x",
        THREE_JOINS,
        "show tables",
        "describe a",
        "explain select * from a",
        "use tpch.tiny",
        "set session query_max_run_time = '5m'",
        "prepare p from select 1",
        "deallocate prepare p",
        "execute immediate 'select 1'",
    ],
)
def test_metadata_and_short_queries_land_on_small(gateway: str, sql: str) -> None:
    assert cluster_of(gateway, sql) == "small"


@pytest.mark.parametrize(
    "sql",
    [
        f"{THREE_JOINS} join a e on true",
        "select * from a, b, c, d, e",
        f"select {', '.join(['1'] * 700)}",
        "explain analyze select 1",
        "insert into t select 1",
        "create table t as select 1",
        "drop table t",
        "delete from t",
        "merge into t using s on true when matched then delete",
        "alter table t execute optimize",
        "analyze t",
        "call system.sync()",
        "grant select on t to u",
        "start transaction",
        "commit",
        "select from where",
        "select 1; select 2",
        "",
        "execute nobody",
        "execute immediate 'insert into t select 1'",
        f"select '{'x' * 1_100_000}'",
    ],
    ids=lambda sql: sql[:40] or "nothing",
)
def test_writes_doubt_and_long_queries_land_on_large(gateway: str, sql: str) -> None:
    assert cluster_of(gateway, sql) == "large"


@pytest.mark.parametrize(
    ("prepared", "cluster"), [("select 1", "small"), ("insert into t select 1", "large")], ids=["query", "write"]
)
def test_prepared_statement_lands_by_its_text(gateway: str, prepared: str, cluster: str) -> None:
    assert cluster_of(gateway, "execute p", **{"X-Trino-Prepared-Statement": f"p={quote(prepared)}"}) == cluster


@pytest.mark.parametrize(("transaction", "cluster"), [("20261005_1", "large"), ("NONE", "small")])
def test_live_transaction_lands_on_large(gateway: str, transaction: str, cluster: str) -> None:
    assert cluster_of(gateway, "show tables", **{"X-Trino-Transaction-Id": transaction}) == cluster


@pytest.fixture
def environment(gateway: str, tmp_path: Path) -> dict[str, str]:
    JoinModel().publish(tmp_path / "v1.0.0")
    return own_environment(
        tmp_path,
        SMART_ROUTING_SERVING_GATEWAY_URL=gateway,
        SMART_ROUTING_SERVING_SOURCE=str(tmp_path / "v1.0.0"),
        SMART_ROUTING_SERVING_DECISION_LOG="",
    )


def test_router_starts_with_groups_that_the_gateway_has(environment: dict[str, str], tmp_path: Path) -> None:
    folder = tmp_path / "router"
    folder.mkdir()
    with router_server(folder, environment):
        log = (folder / "server.log").read_text()
    assert "gateway_group_without_spare" in log
    assert "gateway_unreachable" not in log


def test_router_does_not_start_with_a_group_that_the_gateway_lacks(environment: dict[str, str], gateway: str) -> None:
    done = Shell(environment).python("-m", "serving", SMART_ROUTING_SERVING_SMALL_GROUP="Small")
    told = "has no backend in the routing group Small: its groups are large, small, and their case counts"
    assert (done.returncode, done.stderr) == (2, f"trino-gateway {gateway}/ {told}\n")
