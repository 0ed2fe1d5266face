import json
import os
import resource
import signal
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from smart_routing.decision_log import (
    DecisionLog,
    DecisionRecorder,
    LoggedDecision,
    VectorLogging,
    read_decisions,
    read_or_make_key,
)
from smart_routing.errors import QueryLogError, SettingsError
from smart_routing.labels import QueryWeight
from smart_routing.logs import JsonFormatter
from smart_routing.request import Request
from smart_routing.rollout import Treatment
from smart_routing.routing import Reason, RoutingDecision
from smart_routing.statement_digest import StatementDigest

NOW = datetime(2026, 10, 5, 12, tzinfo=UTC)
REQUEST = Request(query_id="q", sql="select 'zanzibar4711'", user="ana", source="bi", submitted_at=NOW)
VECTOR = np.array([0.1, np.nan, 1e-30, 3.4e38, 16777217, -1 / 3, 0.0, -0.0], dtype=np.float32)
DECISION = RoutingDecision(
    weight=QueryWeight.HEAVY,
    reason=Reason.MODEL,
    heavy_probability=0.75,
    threshold=0.5,
    model_version="v1-abcdef",
    template="0123456789abcdef",
    vector=VECTOR,
)


def row(query_id: str = "q", *, time: datetime = NOW, vectors: VectorLogging = VectorLogging.ALL) -> LoggedDecision:
    recorder = DecisionRecorder(user_key=b"k" * 32, vectors=vectors, share=0.5)
    return recorder.row(replace(REQUEST, query_id=query_id), DECISION, now=time)


def test_rows_come_back_as_they_went_in(tmp_path: Path) -> None:
    log = DecisionLog(tmp_path, writer="1")
    rows = [row(), row("p", vectors=VectorLogging.NONE)]
    for each in rows:
        log.append(each)
    log.flush()
    assert list(read_decisions(tmp_path)) == rows
    assert (log.written, log.dropped) == (2, 0)


def test_vector_comes_back_bit_by_bit(tmp_path: Path) -> None:
    log = DecisionLog(tmp_path, writer="1")
    log.append(row())
    log.flush()
    (found,) = read_decisions(tmp_path)
    assert found.vector is not None
    assert found.vector.dtype == np.float32
    np.testing.assert_array_equal(found.vector.view(np.uint32)[2:], VECTOR.view(np.uint32)[2:])
    np.testing.assert_array_equal(found.vector, VECTOR)


def test_neither_statement_nor_user_is_in_the_file(tmp_path: Path) -> None:
    log = DecisionLog(tmp_path, writer="1")
    log.append(row())
    log.flush()
    content = "".join(path.read_text() for path in tmp_path.iterdir())
    assert "zanzibar4711" not in content
    assert '"ana"' not in content


def test_user_hash_depends_on_the_key() -> None:
    keys = (b"a" * 32, b"b" * 32)
    hashes = {DecisionRecorder(user_key=key).user_hash(user) for key in keys for user in ("ana", "bo")}
    assert len(hashes) == 4


def test_sample_keeps_about_its_share_and_the_same_rows_each_time() -> None:
    kept = [[row(f"q{n}", vectors=VectorLogging.SAMPLE).vector is not None for n in range(400)] for _ in range(2)]
    assert kept[0] == kept[1]
    assert 150 < sum(kept[0]) < 250


def test_each_day_and_each_writer_has_a_file(tmp_path: Path) -> None:
    for writer in ("1", "2"):
        log = DecisionLog(tmp_path, writer=writer)
        log.append(row(time=NOW))
        log.append(row(time=NOW + timedelta(days=1)))
        log.flush()
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "decisions-2026-10-05.1.jsonl",
        "decisions-2026-10-05.2.jsonl",
        "decisions-2026-10-06.1.jsonl",
        "decisions-2026-10-06.2.jsonl",
    ]


def test_rows_beyond_the_queue_are_dropped_and_counted(tmp_path: Path) -> None:
    log = DecisionLog(tmp_path, writer="1", queue_rows=2)
    for _ in range(5):
        log.append(row())
    log.flush()
    assert (log.written, log.dropped) == (2, 3)


def test_rows_beyond_the_day_are_dropped_and_counted(tmp_path: Path) -> None:
    log = DecisionLog(tmp_path, writer="1", day_bytes=500)
    for _ in range(3):
        log.append(row(vectors=VectorLogging.NONE))
        log.flush()
    assert (log.written, log.dropped) == (1, 2)


def test_disk_that_fails_costs_rows_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    log = DecisionLog(tmp_path / "file" / "folder", writer="1")
    log.append(row())
    log.flush()
    assert (log.written, log.dropped) == (0, 1)


def test_line_being_written_is_left_out_and_a_foreign_one_is_told(tmp_path: Path) -> None:
    log = DecisionLog(tmp_path, writer="1")
    log.append(row())
    log.flush()
    (path,) = tmp_path.iterdir()
    whole = path.read_bytes()
    path.write_bytes(whole + whole[:40])
    assert len(list(read_decisions(path))) == 1
    path.write_bytes(whole + b"{}\n")
    with pytest.raises(QueryLogError, match=r"jsonl:2 is no decision"):
        list(read_decisions(path))


def test_a_disk_that_fails_is_told_by_the_file(tmp_path: Path) -> None:
    (tmp_path / "decisions-2026-10-05.1.jsonl").mkdir()
    with pytest.raises(QueryLogError, match=r"decisions-2026-10-05\.1\.jsonl: Is a directory"):
        list(read_decisions(tmp_path))


def test_disk_that_fills_up_leaves_no_line_in_halves(tmp_path: Path) -> None:
    log = DecisionLog(tmp_path, writer="1")
    log.append(row("a"))
    log.flush()
    (path,) = tmp_path.iterdir()
    usual, signalled = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 100, usual[1]))
    try:
        log.append(row("b"))
        log.flush()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, usual)
        signal.signal(signal.SIGXFSZ, signalled)
    log.append(row("c"))
    log.flush()
    assert [found.query_id for found in read_decisions(tmp_path)] == ["a", "c"]
    assert (log.written, log.dropped) == (2, 1)


def test_line_that_was_torn_costs_no_other(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    log = DecisionLog(tmp_path, writer="1")
    for query_id in ("a", "b", "c", "d"):
        log.append(row(query_id))
    log.flush()
    (path,) = tmp_path.iterdir()
    a, b, c, d = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(a + b[:100] + c + d)
    assert [found.query_id for found in read_decisions(tmp_path)] == ["a", "d"]
    (line,) = (json.loads(JsonFormatter().format(record)) for record in caplog.records)
    assert (line["event"], line["file"], line["lines"]) == ("decision_log_torn", path.name, 1)


def test_key_is_made_once_and_shared(tmp_path: Path) -> None:
    path = tmp_path / "state" / "user.key"
    first = read_or_make_key(path, b"a" * 32)
    assert read_or_make_key(path, b"b" * 32) == first
    assert path.stat().st_mode & 0o077 == 0


def test_short_key_is_refused(tmp_path: Path) -> None:
    (tmp_path / "user.key").write_text("secret")
    with pytest.raises(SettingsError, match="has 6 bytes: expected at least 16"):
        read_or_make_key(tmp_path / "user.key", b"a" * 32)


def test_row_knows_its_tenant_and_its_statement_by_a_keyed_digest() -> None:
    request = replace(REQUEST, catalog="lake", schema="ads")
    rows = [DecisionRecorder(user_key=key * 32).row(request, DECISION, now=NOW) for key in (b"a", b"b")]
    assert {found.tenant for found in rows} == {"lake.ads"}
    assert rows[0].statement == StatementDigest(b"a" * 32)(request)
    assert rows[0].statement != rows[1].statement


@pytest.mark.parametrize(
    "change",
    [{"sql": "select 2"}, {"user": "bo"}, {"source": None}, {"catalog": "lake"}, {"schema": "ads"}],
    ids=lambda change: str(next(iter(change))),
)
def test_digest_tells_statements_apart(change: dict[str, str | None]) -> None:
    digest = StatementDigest(b"k" * 32)
    assert digest(replace(REQUEST, **change)) != digest(REQUEST)  # type: ignore[arg-type]  # mypy: one field at a time
    assert digest(replace(REQUEST, query_id="p", submitted_at=NOW + timedelta(days=1))) == digest(REQUEST)


def test_text_too_long_for_the_router_has_no_digest() -> None:
    assert StatementDigest(b"k" * 32)(replace(REQUEST, sql="x" * (2**20 + 1))) is None


def test_row_of_an_older_router_still_reads(tmp_path: Path) -> None:
    log = DecisionLog(tmp_path, writer="1")
    log.append(row())
    log.flush()
    (path,) = tmp_path.iterdir()
    document = json.loads(path.read_bytes())
    del document["tenant"], document["statement"]
    path.write_text(json.dumps(document) + "\n")
    (found,) = read_decisions(path)
    assert (found.query_id, found.tenant, found.statement) == ("q", None, None)


def test_files_last_written_to_before_a_moment_are_not_read(tmp_path: Path) -> None:
    for name, written in (("1", NOW - timedelta(days=2)), ("2", NOW)):
        log = DecisionLog(tmp_path, writer=name)
        log.append(row(name))
        log.flush()
        os.utime(tmp_path / f"decisions-2026-10-05.{name}.jsonl", (0, written.timestamp()))
    assert [found.query_id for found in read_decisions(tmp_path, written_since=NOW)] == ["2"]


def test_decision_id_takes_the_place_of_the_query_id(tmp_path: Path) -> None:
    log, recorder = DecisionLog(tmp_path, writer="1"), DecisionRecorder(user_key=b"k" * 32)
    log.append(recorder.row(REQUEST, DECISION, now=NOW, decision_id="d-1", mode=Treatment.CONTROL))
    log.flush()
    (found,) = read_decisions(tmp_path)
    assert (found.query_id, found.decision_id, found.mode) == (None, "d-1", Treatment.CONTROL)
