from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from smart_routing.features.statement import StatementKind
from smart_routing.history.keys import HistoryKeys
from smart_routing.history.measures import NO_HISTORY
from smart_routing.history.timeline import Run, Timeline
from smart_routing.inference import Model
from smart_routing.known_heavy.entries import NOTHING_KNOWN, KnownHeavy, SessionTemplate
from smart_routing.labels import QueryWeight
from smart_routing.policy import NO_POLICY, Match, Override, Policy
from smart_routing.request import Request
from smart_routing.rollout import Rollout
from smart_routing.router import Router
from smart_routing.routing import MAX_SQL_BYTES, POLICY_CHAIN, Case, Reason
from tests.bundles import JoinModel

LIGHT, HEAVY = QueryWeight.LIGHT, QueryWeight.HEAVY
TWO_JOINS = "select * from a join b on a.x = b.x join c on b.x = c.x"
REQUEST = Request(query_id="q", sql="select 1", user="ana", submitted_at=datetime(2026, 10, 5, 12, tzinfo=UTC))
ETL_IS_HEAVY = Override(match=Match(user="etl"), decision=HEAVY)
BI_IS_LIGHT = Override(match=Match(user="bi", source="superset"), decision=LIGHT)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return JoinModel().load(tmp_path_factory.mktemp("bundle") / "v1", version="1")


def policy(*overrides: Override) -> Policy:
    return Policy(revision="1-abcdef", overrides=overrides)


def known(sql: str, *, catalog: str | None = None, schema: str | None = None) -> KnownHeavy:
    request = replace(REQUEST, sql=sql, catalog=catalog, schema=schema)
    return KnownHeavy.of([SessionTemplate.of(Case(request=request).template, request)])


@pytest.mark.parametrize(
    ("sql", "weight", "reason"),
    [
        pytest.param("", HEAVY, Reason.UNPARSABLE, id="empty"),
        pytest.param(" \n\t", HEAVY, Reason.UNPARSABLE, id="blank"),
        pytest.param("-- nothing\n/* at all */", HEAVY, Reason.UNPARSABLE, id="comments"),
        pytest.param(";", HEAVY, Reason.UNPARSABLE, id="semicolon"),
        pytest.param("EXECUTE nightly USING 1", HEAVY, Reason.UNPARSABLE, id="execute-of-a-name"),
        pytest.param("EXPLAIN ANALYZE EXECUTE nightly", HEAVY, Reason.UNPARSABLE, id="explain-analyze-execute"),
        pytest.param("EXECUTE IMMEDIATE ' '", HEAVY, Reason.UNPARSABLE, id="execute-immediate-of-nothing"),
        pytest.param("START TRANSACTION", HEAVY, Reason.TRANSACTION, id="start-transaction"),
        pytest.param("COMMIT", HEAVY, Reason.TRANSACTION, id="commit"),
        pytest.param("INSERT INTO t SELECT 1", HEAVY, Reason.WRITE_STATEMENT, id="insert"),
        pytest.param("/* x */ CREATE TABLE t AS SELECT 1", HEAVY, Reason.WRITE_STATEMENT, id="ctas"),
        pytest.param("EXPLAIN ANALYZE DELETE FROM t", HEAVY, Reason.WRITE_STATEMENT, id="explain-analyze-delete"),
        pytest.param("EXECUTE IMMEDIATE 'DROP TABLE t'", HEAVY, Reason.WRITE_STATEMENT, id="execute-immediate-drop"),
        pytest.param("CALL system.sync()", HEAVY, Reason.WRITE_STATEMENT, id="call"),
        pytest.param("SHOW TABLES", LIGHT, Reason.METADATA_STATEMENT, id="show"),
        pytest.param("EXPLAIN " + TWO_JOINS, LIGHT, Reason.METADATA_STATEMENT, id="explain"),
        pytest.param("SET SESSION a = 1", LIGHT, Reason.METADATA_STATEMENT, id="set-session"),
        pytest.param("select 1", LIGHT, Reason.MODEL, id="light-query"),
        pytest.param(TWO_JOINS, HEAVY, Reason.MODEL, id="heavy-query"),
        pytest.param("EXPLAIN ANALYZE " + TWO_JOINS, HEAVY, Reason.MODEL, id="explain-analyze-query"),
        pytest.param("select * from information_schema.tables", LIGHT, Reason.MODEL, id="information-schema"),
        pytest.param("select (((", LIGHT, Reason.MODEL, id="rejected-by-the-parser"),
        pytest.param("frobnicate join join", HEAVY, Reason.MODEL, id="unknown-first-word"),
        pytest.param("x" * (MAX_SQL_BYTES + 1), HEAVY, Reason.TOO_LARGE, id="over-1-MiB"),
        pytest.param("select '" + "é" * (MAX_SQL_BYTES // 2) + "'", HEAVY, Reason.TOO_LARGE, id="over-1-MiB-in-UTF-8"),
        pytest.param("select '" + "x" * (MAX_SQL_BYTES - 9) + "'", LIGHT, Reason.MODEL, id="exactly-1-MiB"),
    ],
)
def test_statement_decides_without_policy(model: Model, sql: str, weight: QueryWeight, reason: Reason) -> None:
    decision = Router(model=model).decide(replace(REQUEST, sql=sql))
    assert (decision.weight, decision.reason, decision.model_version) == (weight, reason, model.version)
    assert (decision.vector is not None) == (reason == Reason.MODEL)


@pytest.mark.parametrize(
    ("request_", "policy_", "weight", "reason"),
    [
        pytest.param(
            replace(REQUEST, user="etl", sql="SHOW TABLES"),
            policy(ETL_IS_HEAVY),
            HEAVY,
            Reason.OVERRIDE,
            id="override-before-metadata",
        ),
        pytest.param(
            replace(REQUEST, user="bi", source="superset", sql="x" * (MAX_SQL_BYTES + 1)),
            policy(BI_IS_LIGHT),
            LIGHT,
            Reason.OVERRIDE,
            id="override-before-too-large",
        ),
        pytest.param(
            replace(REQUEST, user="bi"), policy(BI_IS_LIGHT), LIGHT, Reason.MODEL, id="override-needs-all-fields"
        ),
        pytest.param(
            replace(REQUEST, user="etl"),
            policy(Override(match=Match(user="etl"), decision=LIGHT), ETL_IS_HEAVY),
            LIGHT,
            Reason.OVERRIDE,
            id="first-override-wins",
        ),
        pytest.param(
            replace(REQUEST, user="bi", source="superset"),
            replace(policy(BI_IS_LIGHT), rollout=Rollout(all_large=True)),
            HEAVY,
            Reason.OVERRIDE,
            id="all-large-before-overrides",
        ),
        pytest.param(
            replace(REQUEST, in_transaction=True), NO_POLICY, HEAVY, Reason.TRANSACTION, id="live-transaction"
        ),
        pytest.param(
            replace(REQUEST, in_transaction=True, sql="SHOW TABLES"),
            NO_POLICY,
            HEAVY,
            Reason.TRANSACTION,
            id="transaction-before-metadata",
        ),
    ],
)
def test_first_match_of_the_chain_decides(
    model: Model, request_: Request, policy_: Policy, weight: QueryWeight, reason: Reason
) -> None:
    decision = Router(model=model, policy=policy_).decide(request_)
    assert (decision.weight, decision.reason) == (weight, reason)


@pytest.mark.parametrize(
    ("request_", "known_heavy", "weight", "reason"),
    [
        pytest.param(
            replace(REQUEST, sql="select * from t where a = 7"),
            known("select * from t where a = 1"),
            HEAVY,
            Reason.KNOWN_HEAVY_TEMPLATE,
            id="other-literals",
        ),
        pytest.param(
            replace(REQUEST, sql="EXPLAIN ANALYZE select 7", catalog="c", schema="s"),
            known("select 1", catalog="c", schema="s"),
            HEAVY,
            Reason.KNOWN_HEAVY_TEMPLATE,
            id="explain-analyze",
        ),
        pytest.param(
            replace(REQUEST, catalog="", schema=""), known("select 1"), HEAVY, Reason.KNOWN_HEAVY_TEMPLATE, id="blanks"
        ),
        pytest.param(
            replace(REQUEST, catalog="c", schema="other"),
            known("select 1", catalog="c", schema="s"),
            LIGHT,
            Reason.MODEL,
            id="other-schema",
        ),
        pytest.param(
            replace(REQUEST, catalog="other", schema="s"),
            known("select 1", catalog="c", schema="s"),
            LIGHT,
            Reason.MODEL,
            id="other-catalog",
        ),
        pytest.param(
            replace(REQUEST, sql="SHOW TABLES"),
            known("SHOW TABLES"),
            LIGHT,
            Reason.METADATA_STATEMENT,
            id="metadata-before-known-heavy",
        ),
        pytest.param(
            replace(REQUEST, sql="select 2 from t"), known("select 1"), LIGHT, Reason.MODEL, id="other-template"
        ),
        pytest.param(REQUEST, NOTHING_KNOWN, LIGHT, Reason.MODEL, id="nothing-known"),
    ],
)
def test_known_heavy_template_is_heavy(
    model: Model, request_: Request, known_heavy: KnownHeavy, weight: QueryWeight, reason: Reason
) -> None:
    decision = Router(model=model, known_heavy=known_heavy).decide(request_)
    assert (decision.weight, decision.reason) == (weight, reason)
    assert decision.known_heavy_generation == known_heavy.generation


def test_chain_has_the_order_of_the_contract() -> None:
    assert [rule.__name__ for rule in POLICY_CHAIN] == [
        "override",
        "too_large",
        "unparsable",
        "transaction",
        "write_statement",
        "metadata_statement",
        "known_heavy_template",
        "no_model",
        "by_model",
    ]


@pytest.mark.parametrize(
    ("sql", "score"), [pytest.param("select 1", 1.0, id="light"), pytest.param(TWO_JOINS, 0.5, id="heavy")]
)
def test_score_is_that_of_the_returned_weight(model: Model, sql: str, score: float) -> None:
    assert Router(model=model).decide(replace(REQUEST, sql=sql)).score == score


def test_model_decides_at_another_threshold_where_no_history_is_known(tmp_path: Path) -> None:
    model = JoinModel(per_join=0.3, threshold=0.5, without_history=0.2).load(tmp_path / "v1", version="1")
    request = replace(REQUEST, sql="select * from a join b using (x)")
    case = Case(request=request)
    run = Run(
        keys=HistoryKeys.of(request, case.template, ()),
        ended_at=REQUEST.submitted_at - timedelta(days=1),
        heavy=False,
        cpu_seconds=0.1,
        memory_bytes=1,
    )
    histories = (NO_HISTORY, Timeline([]), Timeline([run]))
    blind, empty, seeing = (Router(model=model, history=found).decide(request) for found in histories)
    assert (blind.weight, blind.threshold, blind.history_snapshot) == (HEAVY, 0.2, None)
    assert (empty.weight, empty.threshold) == (HEAVY, 0.2)
    assert (seeing.weight, seeing.threshold) == (LIGHT, 0.5)
    assert seeing.history_snapshot is not None


def test_decision_without_a_model_has_no_score() -> None:
    decision = Router().decide(REQUEST)
    assert (decision.weight, decision.reason, decision.score) == (HEAVY, Reason.NO_MODEL, None)


def test_probability_that_is_none_is_a_model_error(tmp_path: Path) -> None:
    model = JoinModel().load(tmp_path / "v1", version="1")
    spoilt = replace(model.bundle.threshold, without_history=float("nan"))
    broken = replace(model, bundle=replace(model.bundle, threshold=spoilt))
    decision = Router(model=broken).decide(REQUEST)
    assert (decision.weight, decision.reason) == (HEAVY, Reason.MODEL_ERROR)


@pytest.mark.parametrize(
    ("sql", "gateway_kind", "reason"),
    [
        pytest.param("select (((", StatementKind.WRITE, Reason.WRITE_STATEMENT, id="parse-failed"),
        pytest.param("frobnicate", StatementKind.METADATA, Reason.METADATA_STATEMENT, id="unknown-first-word"),
        pytest.param("select (((", None, Reason.MODEL, id="gateway-does-not-know-either"),
        pytest.param("select 1", StatementKind.METADATA, Reason.MODEL, id="parsed"),
        pytest.param("insert into t select 1", StatementKind.QUERY, Reason.WRITE_STATEMENT, id="parsed-write"),
    ],
)
def test_gateway_is_believed_only_where_our_parse_fails(
    model: Model, sql: str, gateway_kind: StatementKind | None, reason: Reason
) -> None:
    router = Router(model=model, cache_entries=8)
    router.decide(replace(REQUEST, sql=sql))
    assert router.decide(replace(REQUEST, sql=sql, gateway_kind=gateway_kind)).reason == reason
