"""The table of Trino's MySQL event listener, from a real listener: as CSV and in a real server."""

import csv
import gzip
import json
import re
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pymysql
import pytest

from smart_routing.errors import QueryLogError
from smart_routing.querylog.events import Rejected
from smart_routing.querylog.mysql.rows import read_row
from smart_routing.querylog.mysql.table import MysqlAddress
from smart_routing.querylog.records import QueryRecord
from smart_routing.querylog.source import ReadCounts, read_query_log

FIXTURES = Path(__file__).parents[2] / "fixtures" / "trino_queries"
EXPORT = FIXTURES / "export.csv"
BUNDLED = Path(__file__).parents[3] / "data" / "trino-query-log"
ROW = {
    "query_id": "20261008_120301_00012_abcde",
    "query": "select 1",
    "query_state": "FINISHED",
    "user": "ana",
    "cpu_time_millis": "1500",
    "wall_time_millis": "2500",
    "peak_memory_bytes": "7",
}


def by_id(location: str | Path) -> dict[str, QueryRecord]:
    return {record.query_id: record for record in read_query_log(location, rejects=None)}


def table() -> list[dict[str, str]]:
    with EXPORT.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def write(path: Path, rows: list[dict[str, str]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def test_rows_tell_what_the_events_of_the_same_statements_tell_but_for_the_times() -> None:
    rows, events = by_id(EXPORT), by_id(FIXTURES / "events.jsonl")
    assert rows.keys() == events.keys()
    for query_id, event in events.items():
        row = rows[query_id]
        assert row == replace(event, create_time=row.create_time, end_time=row.end_time, approximate_times=True)


def test_times_are_within_a_second_of_the_events() -> None:
    rows, events = by_id(EXPORT), by_id(FIXTURES / "events.jsonl")
    for query_id, event in events.items():
        assert timedelta(0) <= event.create_time - rows[query_id].create_time < timedelta(seconds=1)
        assert timedelta(0) <= event.end_time - rows[query_id].end_time < timedelta(seconds=1.1)


def test_times_come_from_the_query_id_and_the_wall_time() -> None:
    record = read_row(ROW)
    assert isinstance(record, QueryRecord)
    assert record.create_time == datetime(2026, 10, 8, 12, 3, 1, tzinfo=UTC)
    assert record.end_time == datetime(2026, 10, 8, 12, 3, 3, 500_000, tzinfo=UTC)
    assert record.approximate_times


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        pytest.param({"query_id": "q1"}, "query_id 'q1' does not begin with its time", id="no-time"),
        pytest.param({"query_id": "20261399_120301_00012_abcde"}, "does not match format", id="no-such-day"),
        pytest.param({"query_id": "99991231_235959_00012_abcde"}, "date value out of range", id="past-the-calendar"),
        pytest.param({"cpu_time_millis": "-1"}, "$.cpu_time_millis", id="negative"),
        pytest.param({"wall_time_millis": "soon"}, "$.wall_time_millis", id="no-number"),
        pytest.param({"peak_memory_bytes": ""}, "$.peak_memory_bytes", id="empty"),
        pytest.param({"session_properties_json": "{"}, "session_properties_json: ", id="session"),
        pytest.param({"inputs_json": '[{"table": "t"}]'}, "inputs_json: ", id="inputs"),
    ],
)
def test_row_that_cannot_be_used_tells_why(changes: dict[str, str], reason: str) -> None:
    rejected = read_row(ROW | changes)
    assert isinstance(rejected, Rejected)
    assert reason in rejected.reason


def test_export_reads_packed_and_with_any_marker_of_null(tmp_path: Path) -> None:
    markers = ["", "NULL", "\\N", "", "NULL"]
    rows = [{name: value or null for name, value in row.items()} for row, null in zip(table(), markers, strict=True)]
    content = write(tmp_path / "a.csv", rows).read_bytes()
    (tmp_path / "a.csv").unlink()
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(b"\xef\xbb\xbf" + content))
    assert by_id(tmp_path) == by_id(EXPORT)


def test_export_of_the_used_columns_in_another_order_is_enough(tmp_path: Path) -> None:
    rows = [{name: row[name] for name in sorted(row, reverse=True) if name != "plan"} for row in table()]
    assert by_id(write(tmp_path / "a.csv", rows)) == by_id(EXPORT)


def test_bad_rows_are_kept_aside_with_their_reason(tmp_path: Path) -> None:
    log, rejects = tmp_path / "log.csv", tmp_path / "rejects.jsonl"
    header, row = ",".join(ROW), ",".join(ROW.values())
    changes = [("2026", "more,2026"), ("1500", "much"), ("ana", '"an"a'), ("ana", "\udcff")]
    bad = [row.replace(old, new) for old, new in changes]
    log.write_bytes("\n".join([header, *[row] * 20, *bad, row, ""]).encode("utf-8", "surrogateescape"))
    reading = read_query_log(log, rejects=rejects, max_reject_share=0.5)
    assert (len(list(reading)), reading.counts) == (21, ReadCounts(read=21, rejected=4))
    kept = [json.loads(line) for line in rejects.read_bytes().splitlines()]
    assert [(one["file"], one["line"]) for one in kept] == [(str(log), number) for number in (22, 23, 24, 25)]
    reasons = ["8 fields; expected 7", "$.cpu_time_millis", "not CSV: ", "not UTF-8"]
    assert [expected in one["reason"] for one, expected in zip(kept, reasons, strict=True)] == [True] * 4


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(b"", "a.csv holds no event", id="empty"),
        pytest.param(b"query_id;query;user\n", "a.csv has no column query_id, query, ", id="semicolons"),
        pytest.param(b"20261008_120301_00012_abcde,select 1\n", "expected trino_queries as CSV", id="no-header"),
        pytest.param(",".join(ROW).encode() + b"\n", "holds no event", id="header-only"),
        pytest.param(b"x" * (16 * 2**20 + 1), "a.csv:1: longer than 16777216 bytes", id="long-line"),
    ],
)
def test_export_that_cannot_be_used_is_one_clear_line(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(QueryLogError, match=re.escape(message)) as caught:
        by_id(tmp_path / "a.csv")
    assert "\n" not in str(caught.value)


def test_field_longer_than_what_csv_readers_take_is_read(tmp_path: Path) -> None:
    rows = [ROW | {"query": "select '" + "x" * 200_000 + "'", "plan": "y\n" * 500_000}]
    (record,) = by_id(write(tmp_path / "a.csv", rows)).values()
    assert len(record.sql) == 200_009


def test_export_of_the_bundled_log_is_refused(tmp_path: Path) -> None:
    """Its statements were put at planned times, its ids were not."""
    with gzip.open(BUNDLED / "2026-10-08.jsonl.gz") as file:
        events = [json.loads(line) for line in file]
    rows = [
        ROW | {"query_id": event["metadata"]["queryId"], "query": event["metadata"]["query"]} for event in events[:50]
    ]
    with pytest.raises(QueryLogError, match="is of data/trino-query-log, whose statements were put at") as caught:
        by_id(write(tmp_path / "a.csv", rows))
    assert "\n" not in str(caught.value)


def test_every_coordinator_of_the_bundled_log_is_named() -> None:
    named = set((BUNDLED / "retimed-ids.txt").read_text().split())
    met: set[str] = set()
    for path in BUNDLED.glob("*.jsonl.gz"):
        ids = re.findall(rb'"queryId":"(\d{8})_\d{6}_\d+_(\w+)"', gzip.decompress(path.read_bytes()))
        met |= {f"{day.decode()}_{coordinator.decode()}" for day, coordinator in ids}
    assert met == named


def test_the_coordinator_of_another_day_is_another() -> None:
    assert isinstance(read_row(ROW | {"query_id": "20261123_120301_00012_94w58"}), QueryRecord)


@pytest.fixture
def mysql(mariadb_server: str) -> Iterator[Callable[..., str]]:
    """A function that makes a database with `trino_queries` of the export's rows; returns its URL."""
    place, name, password = urlsplit(mariadb_server), f"test_{uuid4().hex}", "p@ss/word"
    address: dict[str, Any] = {"host": place.hostname, "port": place.port, "user": "root", "charset": "utf8mb4"}
    with closing(pymysql.connect(**address, autocommit=True)) as connection, connection.cursor() as cursor:
        cursor.execute(f"create database {name}")
        cursor.execute(f"create user {name[:30]}@'%' identified by '{password}'")
        cursor.execute(f"grant select on {name}.* to {name[:30]}@'%'")

        def make(rows: list[dict[str, str]]) -> str:
            cursor.execute(f"use {name}")
            cursor.execute((FIXTURES / "table.sql").read_text())
            places = ", ".join(["%s"] * len(rows[0]))
            cursor.executemany(f"insert into trino_queries values ({places})", [_cells(row) for row in rows])
            return f"mysql://{name[:30]}:p%40ss%2Fword@{place.hostname}:{place.port}/{name}"

        yield make
        cursor.execute(f"drop database {name}")
        cursor.execute(f"drop user {name[:30]}@'%'")


def _cells(row: dict[str, str]) -> list[str | None]:
    return [value or None for value in row.values()]


def test_table_reads_as_its_export(mysql: Callable[..., str]) -> None:
    assert by_id(mysql(table())) == by_id(EXPORT)


def test_bad_rows_of_a_table_are_kept_aside(mysql: Callable[..., str], tmp_path: Path) -> None:
    rows = table()
    rows[2]["query_id"] = "20269999_000000_00001_abcde"
    url, rejects = mysql(rows), tmp_path / "rejects.jsonl"
    reading = read_query_log(url, rejects=rejects, max_reject_share=0.5)
    assert (len(list(reading)), reading.counts) == (4, ReadCounts(read=4, rejected=1))
    (kept,) = [json.loads(line) for line in rejects.read_bytes().splitlines()]
    assert kept["file"] == f"mysql://{url.rpartition('@')[2]}/trino_queries"
    assert (kept["line"], "20269999" in kept["reason"]) == (5, True)


def test_reader_may_stop_early(mysql: Callable[..., str]) -> None:
    assert next(iter(read_query_log(mysql(table()), rejects=None))).query_id == table()[0]["query_id"]


def test_table_of_another_program_is_named(mysql: Callable[..., str]) -> None:
    url = mysql(table()).rpartition("/")[0] + "/mysql"
    with pytest.raises(QueryLogError, match=r"query log in MySQL at mysql://127\.0\.0\.1:\d+/mysql: ") as caught:
        by_id(url)
    assert "p@ss" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        pytest.param("mysql://ana:s3cret@127.0.0.1:1/trino", "Can't connect", id="nobody-listens"),
        pytest.param("mysql://ana:s3cret@127.0.0.1/", "names no database", id="no-database"),
        pytest.param("mysql://ana:s3cret@/trino", "names no database", id="no-host"),
        pytest.param("mysql://ana:s3cret@host:port/trino", "expected mysql://user:password@host", id="no-port"),
    ],
)
def test_database_that_cannot_be_used_is_named_without_credentials(url: str, message: str) -> None:
    with pytest.raises(QueryLogError, match=re.escape(message)) as caught:
        by_id(url)
    assert "s3cret" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_address_has_mysqls_own_port_and_shows_no_credentials() -> None:
    address = MysqlAddress.parse("mysql://ana:s3cret@db/trino")
    assert (address.port, address.user, address.password) == (3306, "ana", "s3cret")
    assert "s3cret" not in f"{address} {address!r}"
