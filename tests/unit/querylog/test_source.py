"""Reading query logs: places, packings and bad input."""

import gzip
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from smart_routing.errors import QueryLogError
from smart_routing.querylog.files import MAX_LINE_BYTES
from smart_routing.querylog.source import ReadCounts, read_query_log
from tests.unit.querylog.samples import event

if TYPE_CHECKING:
    from infra.local.servers import S3Service

GOOD = event() + b"\n"
BAD = b'{"oops": 1}\n'


def identified(query_id: str) -> bytes:
    return event({"metadata.queryId": query_id}) + b"\n"


def ids(location: str | Path, **options: Any) -> list[str]:
    return [record.query_id for record in read_query_log(location, rejects=None, **options)]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        pytest.param("log.jsonl", identified("a") + identified("b"), id="plain"),
        pytest.param("log.jsonl.gz", gzip.compress(identified("a") + identified("b")), id="gz"),
        pytest.param("log.gz", gzip.compress(identified("a")) + gzip.compress(identified("b")), id="gz-members"),
        pytest.param("log.txt", identified("a") + identified("b").rstrip(), id="no-last-newline"),
        pytest.param(
            "log.json", b"\xef\xbb\xbf" + identified("a") + b"\r\n \n" + identified("b"), id="mark-and-blanks"
        ),
    ],
)
def test_reads_a_file(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    reading = read_query_log(tmp_path / name, rejects=None)
    assert [record.query_id for record in reading] == ["a", "b"]
    assert reading.counts == ReadCounts(read=2, rejected=0)


def test_reads_the_event_files_of_a_folder_in_order_of_name(tmp_path: Path) -> None:
    names = ["b.jsonl", "a.json", "sub/d.jsonl", "c.json", ".hidden.jsonl", ".cache/x.jsonl", "notes.txt"]
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(identified(name))
    (tmp_path / "e.jsonl.gz").write_bytes(gzip.compress(identified("e.jsonl.gz")))
    assert ids(tmp_path) == ["a.json", "b.jsonl", "c.json", "e.jsonl.gz", "sub/d.jsonl"]


def test_an_empty_file_beside_others_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(b"")
    (tmp_path / "b.jsonl").write_bytes(identified("b"))
    assert ids(tmp_path) == ["b"]


def test_bad_lines_are_kept_aside_with_their_reason(tmp_path: Path) -> None:
    log, rejects = tmp_path / "log.jsonl", tmp_path / "out" / "rejects.jsonl"
    log.write_bytes(GOOD * 30 + BAD + b"x" * 9_000 + b"\n" + GOOD * 10)
    reading = read_query_log(log, rejects=rejects)
    assert len(list(reading)) == 40
    assert reading.counts == ReadCounts(read=40, rejected=2)
    assert rejects.stat().st_mode & 0o777 == 0o600
    first, second = [json.loads(line) for line in rejects.read_bytes().splitlines()]
    assert (first["file"], first["line"], first["text"]) == (str(log), 31, BAD.decode().strip())
    assert "`metadata`" in first["reason"]
    assert (second["line"], second["text"]) == (32, "x" * 2_000)


def test_a_second_pass_counts_afresh_and_overwrites_the_reject_file(tmp_path: Path) -> None:
    log, rejects = tmp_path / "log.jsonl", tmp_path / "rejects.txt"
    log.write_bytes(GOOD * 30 + BAD)
    reading = read_query_log(log, rejects=rejects)
    assert list(reading) == list(reading)
    assert reading.counts == ReadCounts(read=30, rejected=1)
    assert len(rejects.read_bytes().splitlines()) == 1


@pytest.mark.parametrize(
    ("limit", "good"), [(0.0, 99), (0.05, 18), (0.5, 0)], ids=["none-allowed", "five-percent", "all-bad"]
)
def test_too_large_a_share_of_bad_lines_is_an_error(tmp_path: Path, limit: float, good: int) -> None:
    log, rejects = tmp_path / "log.jsonl", tmp_path / "rejects.txt"
    log.write_bytes(GOOD * good + BAD)
    with pytest.raises(QueryLogError) as caught:
        list(read_query_log(log, rejects=rejects, max_reject_share=limit))
    message = str(caught.value)
    expected = [str(log), f"1 of {good + 1} lines", f"limit {limit:.1%}", f"{log}:{good + 1}: Object", str(rejects)]
    assert [part for part in expected if part not in message] == []
    assert "\n" not in message


def test_a_share_at_the_limit_is_borne(tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").write_bytes(GOOD * 19 + BAD)
    assert len(ids(tmp_path, max_reject_share=0.05)) == 19


def test_a_line_past_the_cap_is_rejected_whole(tmp_path: Path) -> None:
    log, rejects = tmp_path / "log.jsonl", tmp_path / "rejects.txt"
    log.write_bytes(GOOD + b"[" * (2 * MAX_LINE_BYTES + 5) + b"\n" + GOOD + b"]" * (MAX_LINE_BYTES + 1))
    reading = read_query_log(log, rejects=rejects, max_reject_share=0.5)
    assert (len(list(reading)), reading.counts) == (2, ReadCounts(read=2, rejected=2))
    assert [json.loads(line)["line"] for line in rejects.read_bytes().splitlines()] == [2, 4]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        pytest.param("a.jsonl", b"", "a.jsonl holds no event", id="empty-file"),
        pytest.param("a.jsonl", b"\n \n", "holds no event", id="blank-lines"),
        pytest.param("a.jsonl.gz", gzip.compress(b""), "holds no event", id="empty-gz"),
        pytest.param("a.jsonl", BAD, "100.0%", id="nothing-usable"),
        pytest.param("a.jsonl", b"\x00\xff" * 500, "not JSON", id="binary"),
        pytest.param("a.gz", GOOD, "not gzip after line 0, though its name ends in .gz", id="not-gz"),
        pytest.param(
            "a.gz", gzip.compress(GOOD * 500)[:-20], "a.gz: truncated, its gzip stream breaks", id="truncated"
        ),
        pytest.param("a.gz", gzip.compress(GOOD) + b"tail", "not gzip after line 1", id="gz-with-a-tail"),
    ],
)
def test_a_file_that_cannot_be_used_is_one_clear_line(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(QueryLogError) as caught:
        ids(tmp_path / name)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_damaged_gzip_data_is_named(tmp_path: Path) -> None:
    packed = bytearray(gzip.compress(b"".join(identified(f"q{number}") for number in range(2_000))))
    packed[len(packed) // 2] ^= 0xFF
    (tmp_path / "a.gz").write_bytes(packed)
    with pytest.raises(QueryLogError, match=r"a\.gz: (damaged gzip|not gzip|truncated)|lines are no usable event"):
        ids(tmp_path / "a.gz")


def test_a_missing_path_is_named(tmp_path: Path) -> None:
    with pytest.raises(QueryLogError, match="nowhere does not exist"):
        read_query_log(tmp_path / "nowhere", rejects=None)


def test_a_folder_without_event_files_is_named(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_bytes(GOOD)
    with pytest.raises(QueryLogError, match=r"holds no event file: expected names ending in \.jsonl"):
        read_query_log(tmp_path, rejects=None)


@pytest.mark.parametrize("share", [-0.1, 1.5, float("nan")], ids=str)
def test_a_share_out_of_range_is_refused(tmp_path: Path, share: float) -> None:
    with pytest.raises(QueryLogError, match="expected a share from 0 to 1"):
        read_query_log(tmp_path, rejects=None, max_reject_share=share)


@pytest.mark.parametrize("name", ["log.jsonl", "sub/rejects.jsonl"], ids=["an-event-file", "would-be-read-next-time"])
def test_rejects_may_not_lie_among_the_events(tmp_path: Path, name: str) -> None:
    (tmp_path / "log.jsonl").write_bytes(GOOD)
    with pytest.raises(QueryLogError, match="lies among the events"):
        read_query_log(tmp_path, rejects=tmp_path / name)
    assert (tmp_path / "log.jsonl").read_bytes() == GOOD


def test_an_unwritable_reject_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").write_bytes(GOOD)
    with pytest.raises(QueryLogError, match=r"reject file .* cannot be written"):
        list(read_query_log(tmp_path / "log.jsonl", rejects=tmp_path / "log.jsonl" / "rejects.txt"))


def test_s3_needs_a_client() -> None:
    with pytest.raises(QueryLogError, match="no S3 client"):
        read_query_log("s3://bucket/log", rejects=None)


@pytest.mark.service
@pytest.mark.parametrize(
    ("path", "expected"),
    [
        pytest.param("log", ["a", "b"], id="prefix"),
        pytest.param("log/", ["a", "b"], id="prefix-with-slash"),
        pytest.param("log/b.jsonl.gz", ["b"], id="object"),
        pytest.param("", ["a", "b", "c"], id="bucket"),
    ],
)
def test_reads_from_s3(s3: "S3Service", path: str, expected: list[str]) -> None:
    objects = {
        "log/a.jsonl": identified("a"),
        "log/b.jsonl.gz": gzip.compress(identified("b")),
        "log/.tmp/x.jsonl": BAD,
        "log/notes.txt": BAD,
        "logs-of-another/c.jsonl": identified("c"),
    }
    for key, body in objects.items():
        s3.client.put_object(Bucket=s3.bucket, Key=key, Body=body)
    assert ids(f"s3://{s3.bucket}/{path}", s3=s3.client) == expected


@pytest.mark.service
def test_truncated_gz_on_s3_is_named(s3: "S3Service") -> None:
    s3.client.put_object(Bucket=s3.bucket, Key="a.gz", Body=gzip.compress(GOOD * 500)[:-20])
    with pytest.raises(QueryLogError, match=rf"s3://{s3.bucket}/a\.gz: truncated"):
        ids(f"s3://{s3.bucket}/a.gz", s3=s3.client)


@pytest.mark.service
@pytest.mark.parametrize("bucket", ["no-such-bucket", "Not_A_Bucket!"], ids=["missing", "bad-name"])
def test_a_bucket_that_cannot_be_used_is_named(s3: "S3Service", bucket: str) -> None:
    with pytest.raises(QueryLogError, match=f"s3://{bucket}/log cannot be used: ") as caught:
        ids(f"s3://{bucket}/log", s3=s3.client)
    assert "\n" not in str(caught.value)
