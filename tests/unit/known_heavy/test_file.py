"""What only the file can suffer: half lines, foreign lines, growth, and a disk that refuses."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from smart_routing.errors import KnownHeavyError
from smart_routing.known_heavy.file import COMPACT_BYTES, KnownHeavyFile
from tests.unit.known_heavy.samples import NOW, entry


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "list.jsonl"


@pytest.fixture
def store(path: Path) -> KnownHeavyFile:
    return KnownHeavyFile(path, max_entries=100)


def test_half_line_is_left_out_and_does_not_spoil_the_next(store: KnownHeavyFile, path: Path) -> None:
    store.add([entry(1), entry(2, hours=2)], now=NOW)
    path.write_bytes(path.read_bytes()[:-30])
    assert store.entries() == (entry(1),)
    store.add([entry(3, hours=3)], now=NOW)
    assert store.entries() == (entry(1), entry(3, hours=3))


def test_lines_that_are_no_change_are_passed_over(store: KnownHeavyFile, path: Path) -> None:
    path.write_bytes(b'\n{"op":"add"}\n\xff\n{"op":"add","entry":{"template":"SELECT"}}\n')
    store.add([entry(1)], now=NOW)
    assert store.entries() == (entry(1),)


def test_file_does_not_grow_with_changes(store: KnownHeavyFile, path: Path) -> None:
    for number in range(2_000):
        store.add([entry(number % 5, hours=1 + number)], now=NOW)
    assert path.stat().st_size <= COMPACT_BYTES + 1_000
    assert store.entries() == tuple(entry(number % 5, hours=1 + number) for number in range(1_995, 2_000))


def test_compaction_drops_what_has_expired_and_is_seen(path: Path) -> None:
    store = KnownHeavyFile(path, max_entries=1_000)
    store.add([entry(number) for number in range(500)], now=NOW)
    before, size = store.version(), path.stat().st_size
    store.add([entry(200, hours=9)], now=NOW + timedelta(hours=1))
    assert path.stat().st_size < size / 100
    assert store.version() != before
    assert store.entries() == (entry(200, hours=9),)


def test_live_entries_are_not_rewritten_again_and_again(path: Path) -> None:
    store = KnownHeavyFile(path, max_entries=1_000)
    store.add([entry(number) for number in range(500)], now=NOW)
    inode = path.stat().st_ino
    store.add([entry(501)], now=NOW)
    assert path.stat().st_size > COMPACT_BYTES
    assert path.stat().st_ino == inode


@pytest.mark.parametrize("what", ["version", "entries", "add", "remove"])
def test_file_that_cannot_be_used_is_told_by_name(tmp_path: Path, what: str) -> None:
    (tmp_path / "file").touch()
    store = KnownHeavyFile(tmp_path / "file" / "list.jsonl", max_entries=10)
    calls: dict[str, Callable[[], object]] = {
        "version": store.version,
        "entries": store.entries,
        "add": lambda: store.add([entry(1)], now=NOW),
        "remove": lambda: store.remove(entry(1).key),
    }
    with pytest.raises(KnownHeavyError, match=r"list\.jsonl cannot be (read|written)"):
        calls[what]()
