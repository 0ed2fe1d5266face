"""The loop closed on real processes: statements through the gateway, their events as labels, a new model at work."""

import csv
import gzip
import random
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from msgspec import structs
from trino.transaction import IsolationLevel

from infra.local.stack.parts import ROUTER_WORKERS
from models.lineage import STATEMENTS_FILE
from monitoring.truth.join import join
from smart_routing.labels import SIZE_ERROR_CODES, QueryWeight
from smart_routing.routing import Reason
from smart_routing.statement_digest import StatementDigest
from tests.fleet import USERS, Fleet, Ran, Sent, Session, Statement, version_number
from tests.waiting import wait_until

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType"),  # MLflow's, on import
    pytest.mark.timeout(900),
]

MIN_STATEMENTS: Final = 200
MAX_STATEMENTS: Final = 300
SCHEMAS: Final = ("tiny", "sf1", "sf100", "sf300", "sf1000", "sf3000", "sf10000", "sf30000")
LIGHT: Final = (
    "select count(*) from nation where n_regionkey = {}",
    "select r_name from region where r_regionkey < {} order by r_name",
    "select n_name, r_name from nation join region on n_regionkey = r_regionkey where n_nationkey > {}",
    "with chosen as (select * from region where r_regionkey > {}) select r_name, length(r_comment) from chosen",
    "select max(n_name) from nation where n_nationkey < {}",
    "select upper(n_name) from nation where n_nationkey = {}",
)
"""A few rows each, whatever the schema."""

HEAVY: Final = tuple(
    f'select o_comment, {column} from tpch."sf0.4".orders where o_orderkey > {{}} group by o_comment limit 5'
    for column in (
        "count(*)", "max(o_totalprice)", "min(o_orderdate)", "max(o_clerk)", "sum(o_totalprice)", "avg(o_totalprice)",
        "count(o_clerk)", "min(o_orderpriority)",
    )
)  # fmt: skip
"""600,000 groups of 50 characters each: past the 34 MiB of SCALED_RULE by the size of the data, on any machine."""

KILLED: Final = (
    "select o_comment, array_agg(o_clerk) from tpch.sf2.orders where o_orderkey > {} group by o_comment limit 5"
)
"""Needs more than the 220 MB of the small cluster."""


def statements_of_every_kind() -> list[Statement]:
    """Each kind once, by users in turn; the group is named where the chain knows it without the model."""
    large, small = {"group": "large"}, {"group": "small"}
    write = {**large, "reason": Reason.WRITE_STATEMENT}
    metadata = {**small, "reason": Reason.METADATA_STATEMENT}
    kinds: list[tuple[str, dict[str, Any]]] = [
        ("select count(*) from nation", {}),
        ("with r as (select * from region) select count(*) from r", {}),
        ("values (1, 'one'), (2, 'two')", {}),
        ("table region", {}),
        ("select '\U0001f984', 'Zürich', '東京'", {}),
        ("select /* a comment; with a semicolon */ 1", {}),
        ("select count(*) from nation where n_regionkey = ?", {"parameters": (1,)}),
        ("execute immediate 'select count(*) from nation where n_regionkey = ?' using 2", {}),
        ("explain analyze select count(*) from nation", {}),
        ("show catalogs", metadata),
        ("show tables", metadata),
        ("describe nation", metadata),
        ("show create table nation", metadata),
        ("explain select count(*) from lineitem", metadata),
        ("create table memory.default.loop_nation as select * from nation", write),
        ("insert into memory.default.loop_nation select * from nation", write),
        ("create view memory.default.loop_view as select 1 as one", write),
        ("drop view memory.default.loop_view", write),
        ("drop table memory.default.loop_nation", write),
        ("explain analyze create table memory.default.loop_region as select * from region", write),
        ("selec broken", {}),
        ("select no_such_column from nation", {}),
        ("select 1; select 2", {}),
        ("execute no_such_name", {}),
    ]
    return [
        Statement(sql=sql, session=Session(user=USERS[number % len(USERS)]), **told)
        for number, (sql, told) in enumerate(kinds)
    ]


def test_each_statement_runs_where_the_router_says(fleet: Fleet) -> None:
    sent = [fleet.send(statement) for statement in statements_of_every_kind()]
    nodes = fleet.nodes()
    for one in sent:
        decision, node = fleet.decision(one), nodes[one.ran.query_id]
        assert node.startswith("small" if decision.decision is QueryWeight.LIGHT else "large"), one
        if one.statement.group is not None:
            assert (node.partition("-")[0], decision.reason) == (one.statement.group, one.statement.reason), one
    assert {nodes[one.ran.query_id].partition("-")[0] for one in sent} == {"small", "large"}


def test_statements_of_a_transaction_run_on_large(fleet: Fleet) -> None:
    session = Session(user=USERS[0])
    with fleet.gateway.connect(session, isolation_level=IsolationLevel.READ_UNCOMMITTED) as connection:
        cursor = connection.cursor()
        cursor.execute("select n_name from nation")
        assert len(cursor.fetchall()) == 25
        fleet.sent.append(Sent(Statement(sql="select n_name from nation", session=session), Ran(str(cursor.query_id))))
    assert fleet.nodes()[fleet.sent[-1].ran.query_id].startswith("large")
    assert fleet.decision(fleet.sent[-1]).reason is Reason.TRANSACTION


def test_template_that_small_could_not_carry_goes_to_large_at_once(fleet: Fleet, figure: Callable[[str], None]) -> None:
    victim, other = USERS[:2]
    statement = Statement(sql=KILLED.format(1), session=Session(user=victim))
    fleet.shell.flow("set_policy", "--override", f"user={victim}:small", "--reason", "a statement must fail on small")
    wait_until(lambda: fleet.ask(statement)["reason"] == Reason.OVERRIDE, seconds=5)
    again = Statement(sql=KILLED.format(2), session=Session(user=other))
    assert fleet.send(statement).ran.error in SIZE_ERROR_CODES
    seconds = wait_until(lambda: fleet.ask(again)["reason"] == Reason.KNOWN_HEAVY_TEMPLATE, seconds=10)
    figure(f"a template that failed for its size is known heavy {seconds:.1f} s after the client saw it fail")
    fleet.shell.flow("set_policy", "--remove-override", f"user={victim}")
    sent = fleet.send(again)
    assert fleet.nodes()[sent.ran.query_id].startswith("large")
    assert fleet.decision(sent).reason is Reason.KNOWN_HEAVY_TEMPLATE


def test_new_model_learns_from_live_events_and_takes_over_without_a_restart(fleet: Fleet) -> None:
    router = fleet.processes("router")
    assert len(router) > ROUTER_WORKERS
    planted = [one for one in wave(0, heavy=SCHEMAS[:1]) if fleet.ask(one)["decision"] == QueryWeight.LIGHT]
    assert planted

    learnt = fleet.send_all(wave(1, heavy=SCHEMAS[:3], light=SCHEMAS[:4]))
    train_until = datetime.now(UTC)
    fleet.send_all(wave(2, heavy=SCHEMAS, light=SCHEMAS))  # 64 heavy templates x schemas: a bound of 5% needs 59
    calibrate_until = datetime.now(UTC)
    fleet.send_all(wave(3, heavy=SCHEMAS[:3], light=SCHEMAS[:5]))
    fleet.await_events()
    trained = fleet.train_and_promote(
        "--train-until", train_until.isoformat(), "--calibrate-until", calibrate_until.isoformat()
    )

    blocks = statement_blocks(fleet, trained["run_id"])
    assert {blocks[sent.ran.query_id] for sent in learnt} == {"training"}
    for statement in wave(4, heavy=SCHEMAS[:1]):
        if any(statement.sql.partition("where")[0] == one.sql.partition("where")[0] for one in planted):
            sent = fleet.send(statement)
            assert fleet.nodes()[sent.ran.query_id].startswith("large")
            decision = fleet.decision(sent)
            assert (decision.reason, version_number(decision.model_version)) == (Reason.MODEL, trained["version"])
    assert fleet.processes("router") == router
    assert len(fleet.sent) <= MAX_STATEMENTS


def test_every_event_arrives_once_and_joins_its_decision(fleet: Fleet, figure: Callable[[str], None]) -> None:
    assert len(fleet.sent) >= MIN_STATEMENTS
    records, decisions = fleet.await_events(), fleet.decisions()
    joined = [record for record in records.values() if record.trace_token in decisions]
    coverage = len(joined) / len(fleet.sent)
    figure(f"label coverage: {len(joined)} of {len(fleet.sent)} statements joined by trace token, {coverage:.1%}")
    assert coverage >= 0.99


def test_digests_join_what_trace_tokens_do_and_live_truth_is_told(fleet: Fleet, figure: Callable[[str], None]) -> None:
    records, decisions = fleet.await_events(), fleet.decisions()
    key = Path(fleet.stack.environment["SMART_ROUTING_SERVING_USER_KEY_FILE"]).read_bytes().strip()
    nameless = [structs.replace(row, decision_id=None) for row in decisions.values()]
    moments = {row.submitted_at: row.decision_id for row in decisions.values()}
    joined = join(nameless, records.values(), digest=StatementDigest(key))
    agreeing = sum(moments[pair.decision.submitted_at] == pair.record.trace_token for pair in joined.pairs)
    figure(f"joined by digest alone as by trace token: {agreeing} of {len(fleet.sent)} statements")
    assert agreeing >= 0.95 * len(fleet.sent)
    truth = fleet.shell.flow("report_truth", "--window", "1h")
    (routed,) = (part for part in truth["rates"] if (part["decided"], part["way"]) == ("routed", "all"))
    assert routed["heavy"] + routed["light"] > 0
    assert truth["skew"]["differing"] == 0


def wave(number: int, *, heavy: Sequence[str], light: Sequence[str] = ()) -> list[Statement]:
    """Every heavy and every light template in each of the schemas, with literals of the wave's own, well mixed."""
    texts = [(text, schema) for schema in heavy for text in HEAVY] + [
        (text, schema) for schema in light for text in LIGHT
    ]
    random.Random(number).shuffle(texts)
    return [
        Statement(sql=text.format(number), session=Session(user=USERS[place % len(USERS)], schema=schema))
        for place, (text, schema) in enumerate(texts)
    ]


def statement_blocks(fleet: Fleet, run_id: str) -> dict[str, str]:
    """The block of each statement that a training run used, by query id."""
    uri = fleet.stack.environment["SMART_ROUTING_REGISTRY_URI"]
    content = httpx.get(
        f"{uri}/get-artifact", params={"run_id": run_id, "path": f"dataset/{STATEMENTS_FILE}"}, timeout=30
    ).raise_for_status()
    lines = gzip.decompress(content.content).decode().splitlines()
    return {row["query_id"]: row["block"] for row in csv.DictReader(lines)}
