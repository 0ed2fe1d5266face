"""What following and changing a policy file must do, on disk and on S3."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from smart_routing.errors import SettingsError
from smart_routing.labels import QueryWeight
from smart_routing.policy import NO_POLICY, Match, Override, PolicyDocument, PolicyFile, parse_policy
from smart_routing.policy_change import PolicyChange, change_policy
from smart_routing.policy_store import LocalPolicy, PolicyOrder, PolicyStore, S3Policy, open_policy
from smart_routing.querylog.s3 import connect
from smart_routing.rollout import RouterMode
from smart_routing.stored_file import StoredFile
from tests.unit.routing.policies import NOW, SOON, document

ETL = Match(user="etl")
ETL_IS_LIGHT = Override(match=ETL, decision=QueryWeight.LIGHT, expires_at=NOW + timedelta(hours=2))


@dataclass(frozen=True, slots=True)
class Place:
    """A store with what a test needs beside it: to write it by hand, to clear it, and to read its history."""

    store: PolicyStore
    write: Callable[[bytes], object]
    clear: Callable[[], object]
    history: Callable[[], list[bytes]]
    aside: Callable[[], list[bytes]]

    def change(
        self, change: PolicyChange, *, now: datetime = NOW, reason: str | None = None, replaces_unusable: bool = False
    ) -> PolicyDocument:
        return change_policy(self.store, change, by="ana", now=now, reason=reason, replaces_unusable=replaces_unusable)

    def content(self) -> bytes:
        found = self.store.read()
        assert found is not None
        return found.content


@pytest.fixture(params=["folder", pytest.param("s3", marks=pytest.mark.service)])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "folder":
        return local_place(tmp_path / "new" / "policy.json")
    s3 = request.getfixturevalue("s3")
    return s3_place(S3Policy(s3.bucket, "routers/policy.json", s3.client))


def local_place(path: Path) -> Place:
    def write(content: bytes) -> None:
        path.parent.mkdir(exist_ok=True)
        scratch = path.with_suffix(".next")
        scratch.write_bytes(content)
        scratch.replace(path)

    store = LocalPolicy(path)
    return Place(
        store,
        write,
        path.unlink,
        lambda: store.history.read_bytes().splitlines(),
        lambda: [file.read_bytes() for file in path.parent.glob("*.unusable-*")],
    )


def s3_place(store: S3Policy) -> Place:
    s3, bucket = store.s3, store.bucket

    def beside(ending: str) -> list[bytes]:
        found = s3.list_objects_v2(Bucket=bucket, Prefix=f"{store.key}.history/").get("Contents", [])
        keys = [entry["Key"] for entry in found if entry["Key"].endswith(ending)]
        return [s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys]

    return Place(
        store,
        lambda content: s3.put_object(Bucket=bucket, Key=store.key, Body=content),
        lambda: s3.delete_object(Bucket=bucket, Key=store.key),
        lambda: beside(".json"),
        lambda: beside("-unusable"),
    )


def written(place: Place, **changes: Any) -> None:
    place.write(json.dumps(document(**changes)).encode())


def test_change_is_seen_and_nothing_else(place: Place) -> None:
    written(place)
    file = PolicyFile(place.store)
    first = file.poll(now=NOW)
    assert file.poll(now=NOW) is first
    written(place, revision=4, overrides=[])
    assert file.poll(now=NOW).overrides == ()


def test_entries_end_when_they_expire(place: Place) -> None:
    written(place)
    file = PolicyFile(place.store)
    before, after = file.poll(now=SOON - timedelta(seconds=1)), file.poll(now=SOON)
    assert (len(before.overrides), len(after.overrides)) == (2, 1)
    assert after.valid_until is None
    assert before.revision != after.revision


def test_bad_file_is_told_once_and_keeps_the_old_policy(place: Place) -> None:
    written(place)
    file = PolicyFile(place.store)
    old = file.poll(now=NOW)
    place.write(b"{ not json")
    with pytest.raises(SettingsError, match=r"policy\.json cannot be used"):
        file.poll(now=NOW)
    assert file.poll(now=NOW) is old
    place.clear()
    with pytest.raises(SettingsError, match=r"policy\.json cannot be read"):
        file.poll(now=NOW)
    assert file.poll(now=NOW) is old


def test_missing_file_is_told_and_no_policy_is_in_force(place: Place) -> None:
    file = PolicyFile(place.store)
    with pytest.raises(SettingsError, match=r"policy\.json cannot be read: there is none"):
        file.poll(now=NOW)
    assert file.poll(now=NOW) is NO_POLICY


def test_first_order_makes_the_file_and_each_counts_one_revision(place: Place) -> None:
    assert place.change(PolicyChange(mode=RouterMode.SHADOW)).revision == 1
    assert place.change(PolicyChange(overrides=(ETL_IS_LIGHT,))).revision == 2
    policy = PolicyFile(place.store).poll(now=NOW)
    assert (policy.rollout.mode, policy.overrides) == (RouterMode.SHADOW, (ETL_IS_LIGHT,))


def test_history_tells_who_when_what_and_why(place: Place) -> None:
    later = NOW + timedelta(minutes=1)
    place.change(PolicyChange(mode=RouterMode.CANARY, canary_share=0.1), reason="try it")
    place.change(PolicyChange(all_large=True, overrides=(ETL_IS_LIGHT,)))
    place.change(PolicyChange(removed=(ETL,)), now=later)
    orders = [msgspec.json.decode(line, type=PolicyOrder) for line in place.history()]
    assert [(order.by, order.time, order.revision, order.reason) for order in orders] == [
        ("ana", NOW, 1, "try it"),
        ("ana", NOW, 2, None),
        ("ana", later, 3, None),
    ]
    assert [order.changes for order in orders] == [
        ("mode=canary", "canary_share=0.1"),
        ("all_large=true", "override user=etl:light until 2026-10-05T14:00:00+00:00"),
        ("no override user=etl",),
    ]


def test_fields_that_an_order_does_not_name_survive(place: Place) -> None:
    written(place, revision=7, control_share=0.05)
    found = place.change(PolicyChange(mode=RouterMode.OFF))
    assert parse_policy(place.content(), source="p") == found
    assert (found.revision, found.control_share) == (8, 0.05)


@pytest.mark.parametrize("content", [b"{", b'{"revision": 1, "mode": "halt"}'], ids=["broken", "unknown-mode"])
def test_unusable_file_is_left_as_it_is(place: Place, content: bytes) -> None:
    place.write(content)
    with pytest.raises(
        SettingsError, match=r"policy\.json cannot be used: .*; --replace keeps a copy of it and starts"
    ):
        place.change(PolicyChange(all_large=True))
    assert place.content() == content


@pytest.mark.parametrize(
    ("content", "revision"),
    [(b'{"revision": 41, "mode": "shadow",}', 42), (b'{"mode": "shadow"}', 1), (b"", 1)],
    ids=["comma", "without-revision", "empty"],
)
def test_unusable_file_is_replaced_where_that_is_ordered(place: Place, content: bytes, revision: int) -> None:
    place.write(content)
    found = place.change(PolicyChange(all_large=True), reason="now", replaces_unusable=True)
    assert found == PolicyDocument(revision=revision, all_large=True)
    assert PolicyFile(place.store).poll(now=NOW).rollout.all_large
    assert place.aside() == [content]


def test_order_to_replace_keeps_a_file_that_can_be_used(place: Place) -> None:
    written(place, mode="shadow")
    found = place.change(PolicyChange(all_large=True), replaces_unusable=True)
    assert (found.revision, found.mode, len(found.overrides)) == (4, RouterMode.SHADOW, 2)
    assert place.aside() == []


def test_copy_of_an_unusable_file_has_its_permissions(tmp_path: Path) -> None:
    path = tmp_path / "policy.json"
    path.write_bytes(b"{")
    path.chmod(0o640)
    local_place(path).change(PolicyChange(all_large=True), replaces_unusable=True)
    copy = tmp_path / "policy.json.unusable-20261005T120000.000000Z"
    assert [file.stat().st_mode & 0o777 for file in (path, copy)] == [0o640, 0o640]


def test_orders_at_one_time_all_count(place: Place) -> None:
    orders = [
        PolicyChange(overrides=(Override(match=Match(user=f"u{n}"), decision=QueryWeight.HEAVY),)) for n in range(20)
    ]
    with ThreadPoolExecutor(8) as pool:
        revisions = [found.revision for found in pool.map(place.change, orders)]
    assert sorted(revisions) == list(range(1, 21))
    assert len(parse_policy(place.content(), source="p").overrides) == 20
    assert sorted(msgspec.json.decode(line)["revision"] for line in place.history()) == list(range(1, 21))


@pytest.mark.parametrize("meanwhile", ["changed", "cleared", "made"])
def test_only_what_was_read_is_replaced(place: Place, meanwhile: str) -> None:
    if meanwhile != "made":
        written(place)
    was = place.store.read()
    place.clear() if meanwhile == "cleared" else written(place, revision=4)
    order = PolicyOrder(time=NOW, by="bo", reason=None, revision=4, changes=())
    before = place.store.read()
    assert place.store.replace(b"{}", was=was, order=order) is False
    assert place.store.read() == before


def test_order_that_is_always_overtaken_ends(tmp_path: Path) -> None:
    place = local_place(tmp_path / "policy.json")
    written(place)
    store = Distant(place.store, is_outdated=True)
    with pytest.raises(SettingsError, match="was changed by others 32 times meanwhile"):
        change_policy(store, PolicyChange(all_large=True), by="ana", now=NOW, reason=None)


@dataclass(slots=True)
class Distant:
    """A store that answers only while it is up, where it is outdated with what was there before."""

    near: PolicyStore
    up: bool = True
    is_outdated: bool = False
    what: str = "policy file"

    def tag(self) -> str | None:
        return self._reached().tag()

    def read(self) -> StoredFile | None:
        found = self._reached().read()
        return StoredFile(b'{"revision": 1}', "old") if self.is_outdated else found

    def replace(self, content: bytes, *, was: StoredFile | None, order: PolicyOrder) -> bool:
        return self._reached().replace(content, was=was, order=order)

    def set_aside(self, stored: StoredFile, *, now: datetime) -> None:
        self._reached().set_aside(stored, now=now)

    def _reached(self) -> PolicyStore:
        if not self.up:
            raise SettingsError("policy file cannot be read: no route to host")
        return self.near


def test_outage_is_told_once_and_leaves_the_policy_in_force(tmp_path: Path) -> None:
    place = local_place(tmp_path / "policy.json")
    written(place)
    store = Distant(place.store)
    file = PolicyFile(store)
    old = file.poll(now=NOW)
    for _ in range(2):
        store.up = False
        with pytest.raises(SettingsError, match="no route to host"):
            file.poll(now=NOW)
        assert file.poll(now=NOW) is old
        assert len(file.poll(now=SOON).overrides) == 1
        store.up = True
        old = file.poll(now=SOON)
    written(place, revision=9, overrides=[])
    assert file.poll(now=NOW).overrides == ()


def test_s3_that_is_away_is_told_by_address() -> None:
    away = connect("http://127.0.0.1:9", patience_seconds=1)
    for ask in (S3Policy("bucket", "policy.json", away).tag, S3Policy("bucket", "policy.json", away).read):
        with pytest.raises(SettingsError, match=r"s3://bucket/policy\.json cannot be read: "):
            ask()


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("s3://", "names no object"),
        ("s3://bucket", "names no object"),
        ("s3://bucket/folder/", "names no object"),
        ("http://host/policy.json", "expected a path or s3://bucket/key"),
    ],
    ids=["nothing", "bucket", "folder", "http"],
)
def test_address_of_another_kind_is_refused(url: str, told: str) -> None:
    with pytest.raises(SettingsError, match=told):
        open_policy(url, lambda: connect(None))


def test_folder_that_is_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match=r"file/policy\.json cannot be read: Not a directory"):
        local_place(tmp_path / "file" / "policy.json").change(PolicyChange(all_large=True))


def test_permissions_stay_and_nothing_else_is_left(tmp_path: Path) -> None:
    path = tmp_path / "policy.json"
    place = local_place(path)
    place.change(PolicyChange(all_large=True))
    assert path.stat().st_mode & 0o777 == 0o644
    path.chmod(0o640)
    place.change(PolicyChange(all_large=False))
    assert path.stat().st_mode & 0o777 == 0o640
    assert sorted(file.name for file in tmp_path.iterdir()) == ["policy.json", "policy.json.history.jsonl"]
