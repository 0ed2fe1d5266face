"""A planted marker is found however it is written."""

import gzip
import json
from base64 import b64encode, urlsafe_b64encode
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest

from tests.leaks import leaks

MARKER = "pläntéd?>> 'marker'/7~~"


@pytest.mark.parametrize(
    "written",
    [
        MARKER.encode(),
        json.dumps({"sql": f"select {MARKER}"}).encode(),
        quote(MARKER).encode(),
        quote_plus(MARKER).lower().encode(),
        *(b64encode(f"{'u' * before}{MARKER}:x".encode()) for before in range(3)),
        urlsafe_b64encode(MARKER.encode()),
    ],
    ids=["plain", "json", "quoted", "form", "base64", "base64-one-before", "base64-two-before", "base64-url"],
)
def test_marker_is_found(written: bytes, tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "server.log").write_bytes(b"a line\n{" + written + b"}\n")
    found = leaks([tmp_path], ["another marker", MARKER])
    assert {(leak.file.name, leak.marker) for leak in found} == {("server.log", MARKER)}


def test_marker_is_found_in_a_compressed_log(tmp_path: Path) -> None:
    (tmp_path / "server.log.1.gz").write_bytes(gzip.compress(MARKER.encode()))
    assert [leak.form for leak in leaks([tmp_path], [MARKER])] == ["plain"]


def test_clean_log_and_stores_have_no_leak(tmp_path: Path) -> None:
    (tmp_path / "server.log").write_text("all is well, marker 7\n")
    (tmp_path / "spill").mkdir()
    (tmp_path / "spill" / "segment-1.jsonl").write_text(MARKER)
    (tmp_path / "rejects.jsonl").write_text(MARKER)
    assert leaks([tmp_path], [MARKER], stores=[tmp_path / "spill", tmp_path / "rejects.jsonl"]) == []


def test_a_look_that_could_find_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no log file below"):
        leaks([tmp_path], [MARKER])
    (tmp_path / "server.log").touch()
    with pytest.raises(ValueError, match="too short"):
        leaks([tmp_path], ["short"])
