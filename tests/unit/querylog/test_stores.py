"""What every query log store must do, in Parquet on disk and on S3, and in PostgreSQL."""

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Final

import pytest

from smart_routing.errors import QueryLogError
from smart_routing.querylog.records import QueryRecord
from smart_routing.querylog.store import AppendResult, QueryLogStore, open_store
from tests.unit.querylog.samples import record

MONDAY: Final = datetime(2026, 10, 5, tzinfo=UTC)


@pytest.fixture(
    params=[
        "folder",
        pytest.param("s3", marks=pytest.mark.service),
        pytest.param("postgres", marks=pytest.mark.service),
    ]
)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> QueryLogStore:
    if request.param == "folder":
        return open_store(str(tmp_path / "log" / "nested"))
    if request.param == "postgres":
        return open_store(request.getfixturevalue("postgres_url"))
    s3 = request.getfixturevalue("s3")
    return open_store(f"s3://{s3.bucket}/query-log", s3=s3.client)


def hourly(count: int) -> list[QueryRecord]:
    return [record(f"q{number:03}", MONDAY + timedelta(hours=number)) for number in range(count)]


def test_an_empty_store_reads_as_empty(store: QueryLogStore) -> None:
    assert (list(store.read()), store.days()) == ([], [])


def test_appending_nothing_is_fine(store: QueryLogStore) -> None:
    assert store.append([]) == AppendResult(added=0, duplicates=0)
    assert list(store.read()) == []


def test_what_was_appended_is_read_back_in_order(store: QueryLogStore) -> None:
    records = hourly(60)
    shuffled = random.Random(1).sample(records, k=60)
    assert store.append(iter(shuffled)) == AppendResult(added=60, duplicates=0)
    assert list(store.read()) == records
    assert store.days() == [date(2026, 10, 5), date(2026, 10, 6), date(2026, 10, 7)]


@pytest.mark.parametrize(
    "odd",
    [
        pytest.param(record(), id="every-field"),
        pytest.param(
            record(
                prepared_sql=None,
                source=None,
                catalog=None,
                schema=None,
                cluster=None,
                query_type=None,
                trace_token=None,
                session_properties={},
                inputs=(),
            ),
            id="optional-fields-empty",
        ),
        pytest.param(record(state="FAILED", error_code="SYNTAX_ERROR", error_type="USER_ERROR"), id="failed"),
        pytest.param(record(sql="select \"ü\", '%s', U+0000: \x00, 😀\r\n\t\\", source=""), id="odd-characters"),
        pytest.param(record(create_time=datetime(2026, 10, 5, 1, 2, 3, 4, tzinfo=UTC)), id="microseconds"),
        pytest.param(record(sql="x" * 1_000_000), id="long-statement"),
        pytest.param(record(state="RUNNING"), id="running"),
        pytest.param(record(approximate_times=True), id="approximate-times"),
    ],
)
def test_a_record_comes_back_as_it_was(store: QueryLogStore, odd: QueryRecord) -> None:
    store.append([odd])
    (back,) = store.read()
    assert back == odd
    assert back.create_time.tzinfo is UTC


def test_appending_again_adds_nothing(store: QueryLogStore) -> None:
    store.append(hourly(30))
    assert store.append(hourly(40)) == AppendResult(added=10, duplicates=30)
    assert store.append(hourly(40)) == AppendResult(added=0, duplicates=40)
    assert list(store.read()) == hourly(40)


def test_an_id_that_comes_twice_in_one_append_is_stored_once(store: QueryLogStore) -> None:
    assert store.append([*hourly(3), *hourly(3)]) == AppendResult(added=3, duplicates=3)
    assert list(store.read()) == hourly(3)


def running(query_id: str, **changes: Any) -> QueryRecord:
    return record(query_id, MONDAY, state="RUNNING", cpu_seconds=400.0, sql="select '\x00'", **changes)


def finished(query_id: str) -> QueryRecord:
    return record(query_id, MONDAY, state="FAILED", cpu_seconds=500.0, error_code="USER_CANCELED", sql="select '\x00'")


@pytest.mark.parametrize(
    ("appends", "added"),
    [
        pytest.param([["running"], ["finished"]], [1, 1], id="finished-later"),
        pytest.param([["finished"], ["running"]], [1, 0], id="finished-before"),
        pytest.param([["running", "finished"]], [1], id="in-one-append"),
        pytest.param([["finished", "running"]], [1], id="in-one-append-reversed"),
        pytest.param([["running"], ["running", "finished", "running"]], [1, 1], id="all-at-once"),
        pytest.param([["running"], ["finished"], ["running", "finished"]], [1, 1, 0], id="again"),
    ],
)
def test_a_finished_record_takes_the_place_of_a_running_one(
    store: QueryLogStore, appends: list[list[str]], added: list[int]
) -> None:
    known = {"running": running("q"), "finished": finished("q")}
    results = [store.append([known[name] for name in names]) for names in appends]
    duplicates = [len(names) - new for names, new in zip(appends, added, strict=True)]
    assert results == [AppendResult(*pair) for pair in zip(added, duplicates, strict=True)]
    assert list(store.read()) == [finished("q")]


def test_a_statement_seen_running_twice_is_kept_as_it_was_seen_first(store: QueryLogStore) -> None:
    store.append([running("q")])
    assert store.append([running("q", wall_seconds=99.0)]) == AppendResult(added=0, duplicates=1)
    assert list(store.read()) == [running("q")]


@pytest.mark.parametrize("seed", range(3))
def test_each_statement_reads_once_and_as_finished_if_its_end_is_known(store: QueryLogStore, seed: int) -> None:
    chance = random.Random(seed)
    everything = [known(f"q{number:02}") for number in range(20) for known in (running, finished)]
    given = [chance.choice(everything) for _ in range(40)]
    for start in range(0, len(given), 8):
        store.append(given[start : start + 8])
    expected = {one.query_id: one for one in sorted(given, key=lambda one: not one.running)}
    assert list(store.read()) == [expected[name] for name in sorted(expected)]


def test_appends_at_the_same_time_keep_the_finished_records(store: QueryLogStore) -> None:
    ids = [f"q{number:02}" for number in range(20)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(store.append, [[known(name) for name in ids] for known in (running, finished) * 2]))
    assert list(store.read()) == [finished(name) for name in ids]


def test_reading_is_closed_at_since_and_open_at_until(store: QueryLogStore) -> None:
    store.append(hourly(72))
    since, until = MONDAY + timedelta(hours=20), MONDAY + timedelta(hours=48)
    assert list(store.read(since=since, until=until)) == hourly(72)[20:48]
    assert list(store.read(since=since)) == hourly(72)[20:]
    assert list(store.read(until=until)) == hourly(72)[:48]
    assert list(store.read(since=until, until=since)) == []


def test_bounds_may_be_in_any_time_zone(store: QueryLogStore) -> None:
    store.append(hourly(30))
    since = datetime(2026, 10, 6, 1, tzinfo=timezone(timedelta(hours=5)))
    assert list(store.read(since=since)) == hourly(30)[20:]


def test_bounds_without_a_time_zone_are_refused(store: QueryLogStore) -> None:
    with pytest.raises(ValueError, match="no time zone"):
        store.read(since=datetime.fromisoformat("2026-10-05T00:00"))


def test_same_moments_are_ordered_by_code_points_of_the_id(store: QueryLogStore) -> None:
    store.append([record(query_id) for query_id in ("b", "a_1", "B", "a1", "_")])
    assert [one.query_id for one in store.read()] == ["B", "_", "a1", "a_1", "b"]


def test_records_that_break_off_leave_nothing_behind(store: QueryLogStore) -> None:
    def broken() -> Iterator[QueryRecord]:
        yield from hourly(30)
        raise QueryLogError("too many rejects")

    with pytest.raises(QueryLogError, match="too many rejects"):
        store.append(broken())
    assert list(store.read()) == []


def test_appends_at_the_same_time_store_each_event_once(store: QueryLogStore) -> None:
    overlapping = [random.Random(seed).sample(hourly(60), k=50) for seed in range(4)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(store.append, overlapping))
    expected = {one.query_id for records in overlapping for one in records}
    assert [one.query_id for one in store.read()] == sorted(expected)


def test_a_reader_may_stop_early(store: QueryLogStore) -> None:
    store.append(hourly(30))
    reading = store.read()
    assert next(reading) == hourly(1)[0]
    del reading
    assert store.append(hourly(31)) == AppendResult(added=1, duplicates=30)


def test_reading_while_appending_sees_whole_appends(store: QueryLogStore) -> None:
    store.append(hourly(10))
    assert store.append(store.read()) == AppendResult(added=0, duplicates=10)


def test_days_before_the_limit_are_deleted_and_no_other(store: QueryLogStore) -> None:
    store.append(hourly(72))
    store.append([running("still"), finished("ended")])
    wednesday = date(2026, 10, 7)
    assert store.delete_before(wednesday, dry_run=True) == 50
    assert len(list(store.read())) == 74
    assert store.delete_before(wednesday) == 50
    assert list(store.read()) == hourly(72)[48:]
    assert store.days() == [wednesday]
    assert store.delete_before(wednesday) == 0


def test_a_limit_after_all_of_it_empties_the_store_which_takes_records_again(store: QueryLogStore) -> None:
    store.append(hourly(30))
    assert store.delete_before(date(2026, 11, 1)) == 30
    assert (list(store.read()), store.days()) == ([], [])
    assert store.append(hourly(3)) == AppendResult(added=3, duplicates=0)


def test_nothing_is_deleted_from_a_store_that_is_not_there(store: QueryLogStore) -> None:
    assert store.delete_before(date(2026, 11, 1)) == 0


def test_what_is_appended_while_older_days_are_deleted_stays(store: QueryLogStore) -> None:
    store.append(hourly(48))
    fresh = [record(f"n{number:03}", MONDAY + timedelta(days=2, minutes=number)) for number in range(60)]
    with ThreadPoolExecutor(3) as pool:
        appends = [pool.submit(store.append, fresh[start : start + 5]) for start in range(0, 60, 5)]
        deleted = pool.submit(store.delete_before, date(2026, 10, 7))
        assert sum(append.result().added for append in appends) == 60
        assert deleted.result() == 48
    assert list(store.read()) == fresh
