"""What only the Parquet store promises: files, crashes, chunks; and which store a URL means."""

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from smart_routing.errors import QueryLogError
from smart_routing.querylog.parquet import ParquetStore
from smart_routing.querylog.parts import LocalParts
from smart_routing.querylog.records import QueryRecord
from smart_routing.querylog.store import AppendResult, open_store
from tests.unit.querylog.samples import record

MONDAY = datetime(2026, 10, 5, tzinfo=UTC)
RECORDS = [record(f"q{number:02}", MONDAY + timedelta(hours=number)) for number in range(50)]


def names(root: Path) -> list[str]:
    return LocalParts(root).names()


def test_there_is_one_folder_a_day_and_nothing_else(tmp_path: Path) -> None:
    open_store(str(tmp_path)).append(RECORDS)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["day=2026-10-05", "day=2026-10-06", "day=2026-10-07"]


def test_the_same_records_make_the_same_parts(tmp_path: Path) -> None:
    open_store(str(tmp_path / "one")).append(RECORDS)
    open_store(str(tmp_path / "two")).append(reversed(RECORDS))
    assert names(tmp_path / "one") == names(tmp_path / "two")


def test_a_long_append_is_written_in_parts(tmp_path: Path) -> None:
    store = ParquetStore(LocalParts(tmp_path), rows_per_part=10)
    assert store.append([*RECORDS, *RECORDS]) == AppendResult(added=50, duplicates=50)
    assert len(names(tmp_path)) == 7
    assert list(store.read()) == RECORDS


def test_parts_that_two_writers_wrote_at_once_read_as_one(tmp_path: Path) -> None:
    open_store(str(tmp_path / "log")).append(RECORDS[:20])
    open_store(str(tmp_path / "late")).append(RECORDS[10:24])
    shutil.copytree(tmp_path / "late", tmp_path / "log", dirs_exist_ok=True)
    assert len(names(tmp_path / "log")) == 2
    assert list(open_store(str(tmp_path / "log")).read()) == RECORDS[:24]


def test_parts_from_before_a_column_existed_still_read(tmp_path: Path) -> None:
    open_store(str(tmp_path)).append(RECORDS)
    for name in names(tmp_path):
        table = pq.read_table(tmp_path / name)
        pq.write_table(table.drop_columns(["approximate_times"]), tmp_path / name)
    late = record("q50", MONDAY + timedelta(hours=50), approximate_times=True)
    assert open_store(str(tmp_path)).append([*RECORDS, late]) == AppendResult(added=1, duplicates=50)
    assert list(open_store(str(tmp_path)).read()) == [*RECORDS, late]


def test_what_a_crash_left_is_not_read(tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    store.append(RECORDS)
    (tmp_path / ".incoming-dead").mkdir()
    (tmp_path / ".incoming-dead" / "2026-10-05-0").write_bytes(b"half a part")
    assert list(store.read()) == RECORDS


def test_a_failed_append_leaves_no_file(tmp_path: Path) -> None:
    def broken() -> Iterator[QueryRecord]:
        yield from RECORDS
        raise QueryLogError("too many rejects")

    with pytest.raises(QueryLogError):
        ParquetStore(LocalParts(tmp_path), rows_per_part=10).append(broken())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "message"),
    [
        pytest.param("day=2026-10-05/part-0.parquet", "part day=2026-10-05/part-0.parquet: ", id="no-parquet"),
        pytest.param("day=monday/part-0.parquet", "folder day=monday is no day", id="no-day"),
    ],
)
def test_a_foreign_file_is_named(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / name).parent.mkdir()
    (tmp_path / name).write_bytes(b"not Parquet")
    with pytest.raises(QueryLogError, match=message):
        list(open_store(str(tmp_path)).read())


def test_a_store_below_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(QueryLogError, match="expected a folder"):
        open_store(str(tmp_path / "file")).append(RECORDS)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        pytest.param("mysql://host/db", "expected a folder, s3://bucket/prefix or postgresql://", id="scheme"),
        pytest.param("s3://bucket/log", "no S3 client", id="no-client"),
    ],
)
def test_a_url_that_means_no_store_is_named(url: str, message: str) -> None:
    with pytest.raises(QueryLogError, match=message):
        open_store(url)


def test_a_database_that_cannot_be_reached_is_named_without_its_password() -> None:
    with pytest.raises(QueryLogError, match=r"PostgreSQL at 127\.0\.0\.1/log: ") as caught:
        open_store("postgresql://ana:secret@127.0.0.1:1/log").days()
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)
