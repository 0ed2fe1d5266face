"""A router's history follows the published snapshot, and outlives it."""

import logging
from datetime import timedelta
from pathlib import Path

import pytest

from serving.metrics import Metrics
from serving.reload.history_watch import HistoryWatch
from serving.reload.quarantine import Quarantine
from serving.reload.tripwire import Subject, Tripwire
from smart_routing.history.measures import NO_HISTORY
from smart_routing.history.snapshot import Snapshot
from smart_routing.history.timeline import Timeline
from smart_routing.labels import LabelRule
from smart_routing.loaded_models import LoadedModels
from smart_routing.router import Router
from tests.bundles import JoinModel
from tests.unit.history.runs import NOW, keys_of, ran
from tests.unit.serving.reload.memory_file import MemoryFile
from tests.unit.serving.reload.swaps import LIMITS


def content(*, hours_ago: float = 1.0, rule: LabelRule | None = None) -> bytes:
    """A snapshot of one run, as of so long before `NOW`."""
    as_of, timeline = NOW - timedelta(hours=hours_ago), Timeline([ran(hours_ago=hours_ago + 1)])
    return Snapshot.of(timeline, as_of, rule=rule or LabelRule(), ttl=timedelta(hours=48))


NEWER, OLDER = content(), content(hours_ago=5)


class Site:
    """A file, a router and the watch between them."""

    def __init__(self, folder: Path) -> None:
        self.file = MemoryFile()
        self.router = Router()
        self.metrics = Metrics.create()
        self.tripwire = Tripwire(LIMITS, monotonic=lambda: 0.0)
        self.watch = HistoryWatch(
            self.file,
            self.router,
            quarantine=Quarantine(folder / "quarantined.json", self.metrics.history_quarantined),
            tripwire=self.tripwire,
            metrics=self.metrics,
            poll_seconds=5,
            clock=lambda: NOW,
        )

    def put(self, content: bytes) -> None:
        self.file.write(content)
        assert self.watch.step() == 5

    def in_force(self) -> str | None:
        """The name of the snapshot that a request would meet."""
        assert self.router.history is (self.watch.in_force or NO_HISTORY)
        return self.router.history.at(NOW).snapshot

    def metric(self, name: str, **labels: str) -> float | None:
        return self.metrics.registry.get_sample_value(f"smart_routing_history_{name}", labels)

    def reloads(self) -> tuple[float | None, float | None]:
        """How many were loaded, how many rejected."""
        return self.metric("reloads_total", outcome="loaded"), self.metric("reloads_total", outcome="rejected")


def name(content: bytes) -> str:
    return Snapshot.from_bytes(content).snapshot


def test_snapshot_is_taken_and_read_once(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.put(NEWER)
    site.watch.step()
    assert (site.in_force(), site.file.reads, site.reloads()) == (name(NEWER), 1, (1, 0))
    assert site.router.history.at(NOW).measures((keys_of().template,))[0, 0] == 1
    assert site.metric("keys") == len(Snapshot.from_bytes(NEWER))
    assert site.metric("as_of_seconds") == (NOW - timedelta(hours=1)).timestamp()
    assert site.metric("info", snapshot=name(NEWER)) == 1


def test_same_snapshot_again_changes_nothing(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.put(NEWER)
    before = site.router.history
    site.put(NEWER)
    assert site.router.history is before
    assert (site.file.reads, site.reloads()) == (2, (1, 0))


def test_older_snapshot_is_put_back(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.put(NEWER)
    site.put(OLDER)
    assert (site.in_force(), site.reloads()) == (name(OLDER), (2, 0))
    assert (site.metric("info", snapshot=name(OLDER)), site.metric("info", snapshot=name(NEWER))) == (1, None)
    assert site.metric("as_of_seconds") == (NOW - timedelta(hours=5)).timestamp()


def test_fleet_without_a_snapshot_is_told_of_once_and_no_failure(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    site = Site(tmp_path)
    for _ in range(3):
        site.watch.step()
    assert (site.in_force(), site.reloads(), site.file.reads) == (None, (0, 0), 0)
    assert (site.metric("keys"), site.metric("as_of_seconds")) == (0, 0)
    assert [(record.message, record.levelname) for record in caplog.records] == [("history_absent", "INFO")]


@pytest.mark.parametrize("broken", [b"", b"no snapshot", NEWER[:-20]], ids=["empty", "something else", "torn"])
def test_what_is_no_snapshot_is_refused_and_told_once(
    tmp_path: Path, broken: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    site = Site(tmp_path)
    site.put(OLDER)
    site.put(broken)
    for _ in range(3):
        site.watch.step()
    assert (site.in_force(), site.reloads(), site.file.reads) == (name(OLDER), (1, 1), 2)
    assert [(record.message, record.levelname) for record in caplog.records] == [("history_rejected", "ERROR")]
    site.put(NEWER)
    assert (site.in_force(), site.reloads()) == (name(NEWER), (2, 1))


def test_file_that_is_out_of_reach_leaves_what_is_in_force_and_is_told_once_each_time(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING)
    site = Site(tmp_path)
    site.put(NEWER)
    for _ in range(2):
        site.file.is_down = True
        for _ in range(3):
            site.watch.step()
        site.file.is_down = False
        site.watch.step()
    assert (site.in_force(), site.reloads(), site.file.reads) == (name(NEWER), (1, 2), 1)
    assert [record.message for record in caplog.records] == ["history_rejected"] * 2


def test_content_that_could_not_be_read_is_tried_again(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.file.write(NEWER)
    tag = site.file.tag()

    def tag_then_down() -> str | None:
        site.file.is_down = True
        return tag

    site.file.tag = tag_then_down  # type: ignore[method-assign]  # the moment between two calls
    site.watch.step()
    assert (site.in_force(), site.reloads()) == (None, (0, 1))
    del site.file.tag
    site.file.is_down = False
    site.watch.step()
    assert site.in_force() == name(NEWER)


def test_removed_file_leaves_its_snapshot(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.put(NEWER)
    site.file.remove()
    site.watch.step()
    assert (site.in_force(), site.reloads()) == (name(NEWER), (1, 0))


def test_snapshot_of_another_rule_than_the_models_is_used_and_warned_of_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    site, other = Site(tmp_path), LabelRule(cpu_seconds=7)
    site.put(content(rule=other))
    assert caplog.records == []
    site.router.models = LoadedModels(JoinModel().load(tmp_path / "v1", version="1.0.0"))
    for hours_ago in (1.0, 1.0, 2.0):
        site.put(content(hours_ago=hours_ago, rule=other))
    assert site.in_force() == name(content(hours_ago=2, rule=other))
    assert [(record.message, record.levelname) for record in caplog.records] == [("history_of_another_rule", "WARNING")]
    site.put(NEWER)
    assert len(caplog.records) == 1


def trip(site: Site) -> None:
    """What the tripwire does once the snapshot in force trips."""
    assert site.watch.in_force is not None
    site.watch.roll_back(site.watch.in_force.snapshot, "fails")


def held(site: Site) -> str | None:
    return site.watch.quarantined.name if site.watch.quarantined else None


def test_snapshot_that_trips_is_left_and_not_taken_again(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.put(OLDER)
    site.put(NEWER)
    trip(site)
    assert (site.in_force(), held(site)) == (name(OLDER), name(NEWER))
    assert site.metric("reloads_total", outcome="rolled_back") == 1
    assert site.metric("info", snapshot=name(OLDER)) == 1
    assert site.metric("quarantined", snapshot=name(NEWER)) == 1
    site.put(NEWER)
    assert (site.in_force(), site.reloads()) == (name(OLDER), (2, 1))


def test_quarantine_of_a_snapshot_ends_when_another_is_published(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.put(OLDER)
    site.put(NEWER)
    trip(site)
    newest = content(hours_ago=0.5)
    site.put(newest)
    assert (site.in_force(), held(site)) == (name(newest), None)
    site.put(NEWER)
    assert site.in_force() == name(NEWER)


def test_released_snapshot_is_taken_again_and_not_judged(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.put(OLDER)
    site.put(NEWER)
    assert site.tripwire.watched == {Subject.HISTORY}
    trip(site)
    site.watch.step()
    site.watch.release()
    assert (site.in_force(), site.tripwire.watched) == (name(NEWER), frozenset())


def test_other_workers_leave_the_snapshot_too_and_refuse_it(tmp_path: Path) -> None:
    sites = [Site(tmp_path) for _ in range(3)]
    for site in sites[:2]:
        site.put(OLDER)
        site.put(NEWER)
    trip(sites[0])
    sites[1].watch.step()
    sites[2].put(NEWER)
    assert [site.in_force() for site in sites] == [name(OLDER), name(OLDER), None]


def test_only_a_newer_snapshot_after_another_is_watched(tmp_path: Path) -> None:
    site = Site(tmp_path)
    watched = []
    for one in (OLDER, NEWER, OLDER):
        site.put(one)
        watched.append(site.tripwire.watched)
    assert watched == [frozenset(), {Subject.HISTORY}, frozenset()]


def test_trip_of_a_snapshot_that_was_left_since_changes_nothing(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.put(OLDER)
    site.put(NEWER)
    site.watch.roll_back(name(OLDER), "fails")
    assert (site.in_force(), held(site)) == (name(NEWER), None)
