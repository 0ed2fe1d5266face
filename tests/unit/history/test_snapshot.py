"""The past as a file."""

import io
import json
from collections.abc import Callable
from datetime import timedelta

import numpy as np
import pytest

from smart_routing.errors import BundleError
from smart_routing.history.measures import NO_HISTORY
from smart_routing.history.snapshot import Snapshot
from smart_routing.history.timeline import Timeline
from smart_routing.labels import LabelRule
from tests.unit.history.runs import NOW, keys_of, ran

RULE = LabelRule(cpu_seconds=1.0, memory_bytes=10)
TTL = timedelta(hours=24)
TIMELINE = Timeline(
    [
        ran(hours_ago=3, cpu=2, rows=7),
        ran(hours_ago=2, cpu=5, keys=keys_of(user="bo"), rows=9, table="b"),
        ran(hours_ago=1, cpu=1, keys=keys_of("select 1 from c")),
        ran(hours_ago=999, keys=keys_of("select 1 from forgotten")),
    ]
)


def content(timeline: Timeline = TIMELINE, **options: int) -> bytes:
    return Snapshot.of(timeline, NOW, rule=RULE, ttl=TTL, **options)


def test_snapshot_measures_what_the_timeline_does() -> None:
    snapshot, keys = Snapshot.from_bytes(content()), tuple(sorted(TIMELINE.keys))
    np.testing.assert_array_equal(snapshot.measures(keys), TIMELINE.as_of(NOW).measures(keys))
    assert (snapshot.as_of, snapshot.rule, snapshot.ttl) == (NOW, RULE, TTL)


def test_forgotten_keys_are_not_in_it_and_unknown_ones_have_no_past() -> None:
    snapshot = Snapshot.from_bytes(content())
    forgotten = keys_of("select 1 from forgotten")
    assert forgotten.template not in snapshot.keys
    strangers = (0, forgotten.template, 2**63 - 1)
    np.testing.assert_array_equal(snapshot.measures(strangers), NO_HISTORY.measures(strangers))


def test_name_tells_the_moment_and_the_content() -> None:
    first, again, other = (Snapshot.from_bytes(found) for found in (content(), content(), content(Timeline([ran()]))))
    assert first.snapshot == again.snapshot != other.snapshot
    assert first.snapshot.startswith("20261014T1200-")


def test_coldest_keys_are_left_out_where_there_are_too_many() -> None:
    snapshot = Snapshot.from_bytes(content(most_keys=3))
    warmest = keys_of("select 1 from c")
    assert len(snapshot) == 3
    assert set(snapshot.keys.tolist()) <= {*warmest, *keys_of()}
    assert warmest.template in snapshot.keys


def test_expired_snapshot_is_no_past() -> None:
    snapshot = Snapshot.from_bytes(content())
    assert snapshot.at(NOW + TTL) is snapshot
    assert snapshot.at(NOW + TTL + timedelta(seconds=1)) is NO_HISTORY


def test_empty_past_is_a_snapshot_too() -> None:
    snapshot = Snapshot.from_bytes(content(Timeline([])))
    assert len(snapshot) == 0
    assert np.isnan(snapshot.measures((1, 2))).all()


def without_head(found: bytes) -> bytes:
    arrays, file = np.load(io.BytesIO(found)), io.BytesIO()
    np.savez(file, keys=arrays["keys"], rows=arrays["rows"])
    return file.getvalue()


def of_other_measures(found: bytes) -> bytes:
    arrays, file = np.load(io.BytesIO(found)), io.BytesIO()
    head = json.loads(str(arrays["head"])) | {"measures": ["runs"]}
    np.savez(file, head=np.array(json.dumps(head)), keys=arrays["keys"], rows=arrays["rows"])
    return file.getvalue()


def with_rows_missing(found: bytes) -> bytes:
    arrays, file = np.load(io.BytesIO(found)), io.BytesIO()
    np.savez(file, head=arrays["head"], keys=arrays["keys"], rows=arrays["rows"][1:])
    return file.getvalue()


@pytest.mark.parametrize(
    "spoil",
    [lambda _: b"", lambda found: found[:-20], without_head, of_other_measures, with_rows_missing],
    ids=["empty", "torn", "without a head", "of other measures", "with rows missing"],
)
def test_what_is_no_snapshot_is_refused(spoil: Callable[[bytes], bytes]) -> None:
    with pytest.raises(BundleError, match="history snapshot"):
        Snapshot.from_bytes(spoil(content()))


@pytest.mark.parametrize("part", ["as_of", "rule", "ttl", "measures"])
def test_head_that_lacks_a_part_is_refused(part: str) -> None:
    arrays, file = np.load(io.BytesIO(content())), io.BytesIO()
    head = json.loads(str(arrays["head"]))
    del head[part]
    np.savez(file, head=np.array(json.dumps(head)), keys=arrays["keys"], rows=arrays["rows"])
    with pytest.raises(BundleError, match=f"cannot be read.*{part}"):
        Snapshot.from_bytes(file.getvalue())


@pytest.mark.parametrize("words", [{}, {"words": "1"}], ids=["not told", "older"])
def test_snapshot_of_other_templates_is_refused(words: dict[str, str]) -> None:
    """Its keys would meet none of a statement's, and the rest of its past would pass for the whole."""
    arrays, file = np.load(io.BytesIO(content())), io.BytesIO()
    head = json.loads(str(arrays["head"]))
    del head["words"]
    np.savez(file, head=np.array(json.dumps(head | words)), keys=arrays["keys"], rows=arrays["rows"])
    with pytest.raises(BundleError, match="knows templates by words"):
        Snapshot.from_bytes(file.getvalue())


def test_moment_without_a_zone_can_be_compared_with_that_of_a_request() -> None:
    arrays, file = np.load(io.BytesIO(content())), io.BytesIO()
    head = json.loads(str(arrays["head"])) | {"as_of": "2026-10-14T12:00:00"}
    np.savez(file, head=np.array(json.dumps(head)), keys=arrays["keys"], rows=arrays["rows"])
    snapshot = Snapshot.from_bytes(file.getvalue())
    assert snapshot.at(NOW) is snapshot
