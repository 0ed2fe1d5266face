"""What every store of the known-heavy list must do, in a file and in Redis."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from serving.known_heavy.opening import open_known_heavy
from smart_routing.known_heavy.entries import KnownHeavy
from smart_routing.known_heavy.store import KnownHeavyStore
from smart_routing.settings import KnownHeavySettings
from tests.unit.known_heavy.samples import NOW, entry

LATER = NOW + timedelta(hours=2)

Open = Callable[..., KnownHeavyStore]


@pytest.fixture(params=["file", pytest.param("redis", marks=pytest.mark.service)])
def open_store(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    """A function that opens the same list again and again, as each process does."""
    is_file = request.param == "file"
    url = str(tmp_path / "new" / "list.jsonl") if is_file else request.getfixturevalue("redis_url")
    return lambda **changes: open_known_heavy(KnownHeavySettings(store=url, **changes))


@pytest.fixture
def store(open_store: Open) -> KnownHeavyStore:
    return open_store()


def test_a_new_list_is_empty(store: KnownHeavyStore) -> None:
    assert store.entries() == ()
    assert store.version() == store.version()


def test_entries_come_back_as_they_were_those_that_expire_first_first(store: KnownHeavyStore) -> None:
    entries = [
        entry(1, hours=3),
        entry(2, hours=1, catalog=None, schema=None, query_id=None, note=""),
        entry(3, hours=2),
    ]
    store.add(entries, now=NOW)
    assert store.entries() == (entries[1], entries[2], entries[0])


def test_each_change_is_seen_by_others_as_another_version(open_store: Open) -> None:
    mine, theirs = open_store(), open_store()
    versions = [theirs.version()]
    for change in (
        lambda: mine.add([entry(1)], now=NOW),
        lambda: mine.add([entry(2)], now=NOW),
        lambda: mine.add([entry(2)], now=NOW),
        lambda: mine.remove(entry(1).key),
    ):
        change()
        assert mine.version() == theirs.version()
        versions.append(theirs.version())
    assert len(set(versions)) == len(versions)
    assert theirs.entries() == (entry(2),)


def test_adding_again_renews(store: KnownHeavyStore) -> None:
    store.add([entry(1, hours=1), entry(2, hours=2)], now=NOW)
    renewed = entry(1, hours=9, reason="EXCEEDED_SCAN_LIMIT", query_id="q9")
    store.add([renewed], now=NOW)
    assert store.entries() == (entry(2, hours=2), renewed)


def test_same_template_in_another_schema_is_another_entry(store: KnownHeavyStore) -> None:
    entries = [entry(1, hours=1), entry(1, hours=2, schema="other"), entry(1, hours=3, catalog=None, schema=None)]
    store.add(entries, now=NOW)
    assert store.remove(entries[1].key)
    assert store.entries() == (entries[0], entries[2])


def test_removing_what_is_not_there_is_told(store: KnownHeavyStore) -> None:
    assert not store.remove(entry(1).key)
    store.add([entry(1)], now=NOW)
    assert not store.remove(entry(1, schema=None).key)
    assert [store.remove(entry(1).key) for _ in range(2)] == [True, False]
    assert store.entries() == ()


def test_when_full_those_that_expire_first_go_first(open_store: Open) -> None:
    store = open_store(max_entries=3)
    store.add([entry(number, hours=10 - number) for number in range(5)], now=NOW)
    assert store.entries() == (entry(2, hours=8), entry(1, hours=9), entry(0, hours=10))
    store.add([entry(7, hours=8.5)], now=NOW)
    assert store.entries() == (entry(7, hours=8.5), entry(1, hours=9), entry(0, hours=10))


def test_expired_entries_do_not_come_back(store: KnownHeavyStore) -> None:
    store.add([entry(1, hours=1), entry(2, hours=3)], now=NOW)
    store.add([entry(3, hours=4)], now=LATER)
    assert KnownHeavy.at(LATER, store.entries()).templates == {entry(2).key, entry(3).key}


def test_many_writers_lose_nothing(open_store: Open) -> None:
    def write(number: int) -> None:
        open_store().add([entry(number, hours=number + 1)], now=NOW)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(80)))
    assert open_store().entries() == tuple(entry(number, hours=number + 1) for number in range(80))
