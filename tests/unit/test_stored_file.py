"""One file at a path or on S3, always whole."""

from pathlib import Path

import pytest

from infra.local.servers import S3Service
from smart_routing.errors import StoredFileError
from smart_routing.querylog.s3 import connect
from smart_routing.stored_file import FileStore, LocalFile, S3Object, open_file


@pytest.fixture(params=["local", pytest.param("s3", marks=pytest.mark.service)])
def file(request: pytest.FixtureRequest, tmp_path: Path) -> FileStore:
    """A file that is not there yet."""
    if request.param == "local":
        return LocalFile(tmp_path / "below" / "a.bin")
    s3: S3Service = request.getfixturevalue("s3")
    return S3Object(s3.bucket, "below/a.bin", s3.client)


def test_file_that_is_not_there_has_neither_tag_nor_content(file: FileStore) -> None:
    assert (file.tag(), file.read()) == (None, None)


def test_what_is_written_is_read_under_the_same_tag_until_it_is_replaced(file: FileStore) -> None:
    file.write(b"one")
    first = file.read()
    assert first is not None
    assert (first.content, first.tag) == (b"one", file.tag())
    file.write(b"two, longer")
    second = file.read()
    assert second is not None
    assert second.content == b"two, longer"
    assert second.tag == file.tag() != first.tag


@pytest.mark.parametrize(
    "url", ["ftp://host/a", "s3://bucket", "s3://bucket/", "s3:///key", "s3://bucket/folder/"], ids=str
)
def test_address_that_is_none_is_named_with_what_was_expected(url: str) -> None:
    with pytest.raises(StoredFileError, match=rf"history snapshot {url}.*expected (a path or )?s3://bucket/key"):
        open_file(url, lambda: connect(None), what="history snapshot")


def test_file_that_cannot_be_read_or_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    folder = LocalFile(tmp_path / "folder", "history snapshot")
    with pytest.raises(StoredFileError, match=r"history snapshot .*folder cannot be read: Is a directory"):
        folder.read()
    with pytest.raises(StoredFileError, match=r"history snapshot .*folder cannot be written"):
        folder.write(b"content")
