import logging

import pytest

from smart_routing.features.statement import (
    ParseLimits,
    ParseStatus,
    StatementKind,
    read_statement,
    statement_kind,
)

Q, M, W, T, U = (
    StatementKind.QUERY,
    StatementKind.METADATA,
    StatementKind.WRITE,
    StatementKind.TRANSACTION,
    StatementKind.UNKNOWN,
)

KINDS = {
    "select 1": Q,
    "with x as (select 1) select * from x": Q,
    "values 1, 2": Q,
    "table t": Q,
    "(select 1) union (select 2)": Q,
    "  -- a comment; insert\n /* another */ ((select 1))": Q,
    "show tables": M,
    "DESCRIBE t": M,
    "desc t": M,
    "explain select 1": M,
    "explain (type io) select 1": M,
    "explain analyze select 1": Q,
    "EXPLAIN ANALYZE VERBOSE insert into t select 1": W,
    "explain /* x */ analyze -- y\n delete from t": W,
    "use lake.ads": M,
    "set session a = 1": M,
    "reset session a": M,
    "prepare p from insert into t select 1": M,
    "deallocate prepare p": M,
    "execute p using 1": U,
    "execute immediate 'select 1'": Q,
    "execute immediate 'insert into t values (''x'')' using 1": W,
    "insert into t select 1": W,
    "update t set a = 1": W,
    "delete from t": W,
    "merge into t using s on true when matched then delete": W,
    "truncate table t": W,
    "create view v as select 1": W,
    "create table t as select 1": W,
    "alter table t execute optimize": W,
    "drop table t": W,
    "grant select on t to u": W,
    "revoke select on t from u": W,
    "deny select on t to u": W,
    "refresh materialized view v": W,
    "analyze t": W,
    "call system.x()": W,
    "comment on table t is 'x'": W,
    "/* dbt */ create table x as /* body */ (select * from big)": W,
    "/* a */ INSERT INTO t /* b */ (SELECT 1)": W,
    "/* a */ DROP TABLE t /* b */ (show)": W,
    "/* a */ /* b */ -- c\n ( /* d */ select 1)": Q,
    "start transaction": T,
    "commit": T,
    "rollback": T,
    "": U,
    "-- only a comment": U,
    "selec 1": U,
}


@pytest.mark.parametrize(("sql", "kind"), KINDS.items(), ids=list(KINDS))
def test_kind_is_that_of_the_first_keyword_or_the_inner_statement(sql: str, kind: StatementKind) -> None:
    assert statement_kind(sql) is kind


@pytest.mark.parametrize(
    ("sql", "status"),
    [
        ("select 1;", ParseStatus.PARSED),
        ("select 1; select 2", ParseStatus.REJECTED),
        ("selec 1 frm", ParseStatus.REJECTED),
        ("select 'open", ParseStatus.REJECTED),
        ("show tables", ParseStatus.REJECTED),
        ("", ParseStatus.REJECTED),
        ("select " + "x" * 70_000, ParseStatus.TOO_LONG),
        ("select '" + "ä" * 40_000 + "'", ParseStatus.TOO_LONG),
        ("select " + "(" * 301 + "1" + ")" * 301, ParseStatus.TOO_DEEP),
        ("select '" + "(" * 301 + "'", ParseStatus.PARSED),
        ("select " + "row(" * 9 + "1" + ")" * 9, ParseStatus.TOO_DEEP),
        ("select " + "1," * 10_001 + "1", ParseStatus.TOO_MANY_TOKENS),
    ],
    ids=[
        "semicolon", "two-statements", "syntax", "open-quote", "command", "empty", "characters", "bytes", "brackets",
        "brackets-in-a-literal", "types", "tokens",
    ],
)  # fmt: skip
def test_parse_status_tells_how_far_reading_got(sql: str, status: ParseStatus) -> None:
    statement = read_statement(sql)
    assert statement.parse_status is status
    assert (statement.tree is not None) is (status is ParseStatus.PARSED)


def test_text_survives_where_the_parse_does_not() -> None:
    assert read_statement("select a from where 'x' 12").text.tokens == (
        "select",
        "a",
        "from",
        "where",
        "<str>",
        "<num>",
    )
    assert read_statement("select 'x' from \"open").text.tokens == ("select", "<str>", "from", "open")


def test_inner_statement_of_explain_analyze_is_what_features_see() -> None:
    assert read_statement("explain analyze select a from t").text == read_statement("select a from t").text


def test_limits_are_settable() -> None:
    assert read_statement("select 1, 2", ParseLimits(tokens=3)).parse_status is ParseStatus.TOO_MANY_TOKENS


def test_reading_logs_no_sql(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        read_statement("alter table secret_name execute optimize")
    assert "secret_name" not in caplog.text
