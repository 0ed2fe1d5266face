"""Spill segments: what was appended is there, bounded, each byte once."""

import errno
import os
import resource
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from serving.events.rejects import RejectFile
from serving.events.spill import Spill, open_spill, read_lines
from smart_routing.errors import SettingsError, SpillError

ROOM = 2**20


def lines_of(spill: Spill) -> list[bytes]:
    return [line for segment in spill.closed() for line in read_lines(segment)]


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """A disk that is full in the middle of a line: further bytes of a file are refused."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_lines_are_readable_as_soon_as_they_are_appended(tmp_path: Path) -> None:
    spill = Spill(tmp_path, max_bytes=ROOM)
    spill.append(b"one")
    spill.append(b"two")
    (segment,) = tmp_path.glob("segment-*")
    assert read_lines(segment) == [b"one", b"two"]
    assert (spill.closed(), spill.size) == ([], 8)


def test_segments_close_by_size_and_by_rotation_in_order(tmp_path: Path) -> None:
    spill = Spill(tmp_path, max_bytes=ROOM, segment_bytes=8)
    for line in (b"one", b"two", b"three"):
        spill.append(line)
    assert lines_of(spill) == [b"one", b"two"]
    spill.rotate()
    spill.rotate()
    assert lines_of(spill) == [b"one", b"two", b"three"]
    assert [segment.name for segment in spill.closed()] == ["segment-000000000001.jsonl", "segment-000000000002.jsonl"]


def test_removed_segment_makes_room(tmp_path: Path) -> None:
    spill = Spill(tmp_path, max_bytes=8, segment_bytes=8)
    spill.append(b"sixteen")
    assert spill.refusal == "the spill is full"
    with pytest.raises(SpillError, match=r"the spill is full: no room for 2 of 8 bytes"):
        spill.append(b"1")
    spill.remove(spill.closed()[0])
    assert (spill.size, spill.closed(), list(tmp_path.iterdir())) == (0, [], [])
    spill.append(b"1")


def test_left_over_segments_are_taken_up_and_never_written_to(tmp_path: Path) -> None:
    Spill(tmp_path, max_bytes=ROOM).append(b"before")
    spill = Spill(tmp_path, max_bytes=ROOM)
    spill.append(b"after")
    assert (lines_of(spill), spill.size) == ([b"before"], 13)
    spill.rotate()
    assert lines_of(spill) == [b"before", b"after"]


def test_torn_last_line_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "segment-000000000007.jsonl").write_bytes(b"whole\nhal")
    spill = Spill(tmp_path, max_bytes=ROOM)
    spill.append(b"next")
    spill.rotate()
    assert lines_of(spill) == [b"whole", b"next"]


def test_line_that_the_disk_takes_half_of_does_not_count(tmp_path: Path) -> None:
    spill = Spill(tmp_path, max_bytes=ROOM)
    spill.append(b"a" * 40_000)
    with files_of_at_most(65_536), pytest.raises(SpillError, match="cannot be written: File too large"):
        spill.append(b"b" * 40_000)
    assert spill.size == 40_001
    spill.append(b"c")
    spill.rotate()
    assert lines_of(spill) == [b"a" * 40_000, b"c"]


def test_failing_disk_leaves_no_empty_files(tmp_path: Path) -> None:
    spill = Spill(tmp_path, max_bytes=ROOM)
    for _ in range(3):
        with files_of_at_most(0), pytest.raises(SpillError):
            spill.append(b"one")
    assert (list(tmp_path.iterdir()), spill.closed()) == ([], [])
    spill.append(b"two")
    spill.sync()


def test_missing_folder_is_refused_until_it_is_back(tmp_path: Path) -> None:
    folder = tmp_path / "spill"
    folder.mkdir()
    spill = Spill(folder, max_bytes=ROOM)
    folder.rmdir()
    with pytest.raises(SpillError, match="No such file"):
        spill.append(b"one")
    folder.mkdir()
    spill.append(b"one")


def test_sync_covers_closed_and_open_segments(tmp_path: Path) -> None:
    spill = Spill(tmp_path, max_bytes=ROOM, segment_bytes=4)
    for line in (b"one", b"two", b"3"):
        spill.append(line)
    spill.sync()
    spill.sync()
    spill.append(b"4")
    spill.rotate()
    spill.sync()
    assert lines_of(spill) == [b"one", b"two", b"3", b"4"]


class FailingDisk:
    """Stands in for `os.fsync`: fails while `is_failing`, else notes the content of the files that it is called for."""

    def __init__(self) -> None:
        self.is_failing = False
        self.synced: list[bytes] = []

    def __call__(self, handle: int) -> None:
        if self.is_failing:
            raise OSError(errno.EIO, "Input/output error")
        if stat.S_ISREG(os.fstat(handle).st_mode):
            self.synced.append(os.pread(handle, ROOM, 0))


def test_disk_that_takes_no_sync_gets_nothing_more_until_it_takes_all(tmp_path: Path) -> None:
    disk = FailingDisk()
    spill = Spill(tmp_path, max_bytes=ROOM, segment_bytes=8, fsync=disk)
    for line in (b"segment", b"open"):
        spill.append(line)
    disk.is_failing = True
    for _ in range(2):
        with pytest.raises(OSError, match="Input/output error"):
            spill.sync()
        with pytest.raises(SpillError, match="cannot be synced to its disk"):
            spill.append(b"refused")
    assert (spill.refusal, disk.synced) == ("the spill cannot be synced to its disk", [])
    disk.is_failing = False
    spill.sync()
    assert (spill.refusal, disk.synced) == (None, [b"segment\n", b"open\n"])
    spill.append(b"after")
    spill.sync()
    spill.rotate()
    assert disk.synced[2:] == [b"after\n"]
    assert lines_of(spill) == [b"segment", b"open", b"after"]


def test_what_a_failing_disk_may_have_forgotten_is_written_again(tmp_path: Path) -> None:
    disk = FailingDisk()
    spill = Spill(tmp_path, max_bytes=ROOM, fsync=disk)
    spill.append(b"one")
    (segment,) = tmp_path.glob("segment-*")
    os.utime(segment, (0, 0))
    disk.is_failing = True
    with pytest.raises(OSError, match="Input/output error"):
        spill.sync()
    assert segment.stat().st_mtime == 0
    disk.is_failing = False
    spill.sync()
    assert segment.stat().st_mtime > 0
    assert lines_of(spill) == [b"one"]


def test_segment_that_went_to_the_store_is_not_written_again(tmp_path: Path) -> None:
    disk = FailingDisk()
    spill = Spill(tmp_path, max_bytes=ROOM, fsync=disk)
    spill.append(b"one")
    disk.is_failing = True
    with pytest.raises(OSError, match="Input/output error"):
        spill.sync()
    (segment,) = spill.closed()
    os.utime(segment, (0, 0))
    with segment.open("rb") as removed:
        spill.remove(segment)
        disk.is_failing = False
        spill.sync()
        assert os.fstat(removed.fileno()).st_mtime == 0
    assert spill.refusal is None


def test_folder_has_one_owner_at_a_time(tmp_path: Path) -> None:
    with open_spill(tmp_path, max_bytes=ROOM) as spill:
        spill.append(b"one")
        with pytest.raises(SettingsError, match="another collector's"), open_spill(tmp_path, max_bytes=ROOM):
            pass
    with open_spill(tmp_path, max_bytes=ROOM) as spill:
        assert lines_of(spill) == [b"one"]


def test_folder_that_cannot_be_made_is_a_setting_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(SettingsError, match=r"file/spill cannot be used"),
        open_spill(tmp_path / "file" / "spill", max_bytes=ROOM),
    ):
        pass


def test_spill_is_for_its_owner_only(tmp_path: Path) -> None:
    folder = tmp_path / "spill"
    with open_spill(folder, max_bytes=ROOM) as spill:
        spill.append(b"select 'secret'")
    (segment,) = folder.glob("segment-*")
    assert (permissions(folder), permissions(segment)) == (0o700, 0o600)


def test_reject_file_is_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "rejects" / "rejects.jsonl"
    RejectFile(path).add(b"select 'secret'", origin="query-events", reason="no event")
    assert (permissions(path.parent), permissions(path)) == (0o700, 0o600)


def permissions(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_reject_file_keeps_one_file_before(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "rejects.jsonl"
    rejects = RejectFile(path, max_bytes=1)
    for number in range(3):
        rejects.add(b"body", origin="query-events", reason=f"reason {number}")
    assert "reason 2" in path.read_text()
    assert "reason 1" in path.with_name("rejects.jsonl.1").read_text()
    assert len(list(path.parent.iterdir())) == 2


def test_reject_file_that_cannot_be_written_is_a_spill_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SpillError, match="the reject file cannot be written"):
        RejectFile(tmp_path / "file" / "rejects.jsonl").add(b"", origin="query-events", reason="")
