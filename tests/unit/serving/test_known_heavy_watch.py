"""The replica of a router follows the list, and outlives it."""

import logging
from datetime import datetime, timedelta

import pytest

from serving.known_heavy.watch import KnownHeavyWatch
from serving.metrics import Metrics
from smart_routing.known_heavy.entries import NOTHING_KNOWN
from smart_routing.router import Router
from tests.unit.known_heavy.samples import NOW, entry
from tests.unit.serving.known_heavy_store import MemoryKnownHeavy


class Site:
    """A list, a router, the watch between them and its clock."""

    def __init__(self) -> None:
        self.now = NOW
        self.store = MemoryKnownHeavy()
        self.router = Router()
        self.metrics = Metrics.create()
        self.watch = KnownHeavyWatch(self.store, self.router, metrics=self.metrics, poll_seconds=0.5, clock=self._clock)

    def metric(self, name: str) -> float:
        return self.metrics.registry.get_sample_value(f"smart_routing_known_heavy_{name}") or 0.0

    def _clock(self) -> datetime:
        return self.now


def test_change_of_the_list_is_seen_and_read_once() -> None:
    site = Site()
    site.store.add([entry(1), entry(2)], now=NOW)
    assert site.watch.step() == 0.5
    assert site.router.known_heavy.templates == {entry(1).key, entry(2).key}
    site.watch.step()
    assert (site.store.reads, site.metric("entries")) == (1, 2)
    site.store.remove(entry(1).key)
    site.watch.step()
    assert site.router.known_heavy.templates == {entry(2).key}
    assert site.metric("entries") == 1


def test_list_of_the_same_templates_is_the_same_generation() -> None:
    site = Site()
    site.store.add([entry(1)], now=NOW)
    site.watch.step()
    before = site.router.known_heavy
    site.store.add([entry(1, hours=9)], now=NOW)
    site.watch.step()
    assert site.router.known_heavy.generation == before.generation
    assert site.router.known_heavy.valid_until == NOW + timedelta(hours=9)


@pytest.mark.parametrize("is_down", [False, True], ids=["up", "down"])
def test_entries_expire_by_the_clock_alone(is_down: bool) -> None:
    site = Site()
    site.store.add([entry(1, hours=1), entry(2, hours=2)], now=NOW)
    site.watch.step()
    site.store.is_down = is_down
    site.now = NOW + timedelta(hours=1)
    site.watch.step()
    assert site.router.known_heavy.templates == {entry(2).key}
    site.now = NOW + timedelta(hours=2)
    site.watch.step()
    assert (site.router.known_heavy, site.metric("entries"), site.store.reads) == (NOTHING_KNOWN, 0, 1)


def test_list_that_is_down_leaves_the_replica_and_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    site = Site()
    site.store.add([entry(1)], now=NOW)
    site.watch.step()
    caplog.set_level(logging.INFO)
    site.store.is_down = True
    for _ in range(3):
        site.now += timedelta(seconds=2)
        assert site.watch.step() == 0.5
    assert site.router.known_heavy.templates == {entry(1).key}
    assert (site.metric("failures_total"), site.metric("age_seconds")) == (3, 6)
    site.store.is_down = False
    site.store.add([entry(2)], now=NOW)
    site.watch.step()
    assert site.router.known_heavy.templates == {entry(1).key, entry(2).key}
    assert site.metric("age_seconds") == 0
    assert [record.message for record in caplog.records] == [
        "known_heavy_stale",
        "known_heavy_fresh_again",
        "known_heavy_loaded",
    ]


def test_list_that_fails_between_version_and_entries_is_read_again() -> None:
    site = Site()
    site.store.add([entry(1)], now=NOW)
    version = site.store.version()

    def version_then_down() -> str:
        site.store.is_down = True
        return version

    site.store.version = version_then_down  # type: ignore[method-assign]  # the moment between two reads
    site.watch.step()
    assert site.router.known_heavy == NOTHING_KNOWN
    del site.store.version
    site.store.is_down = False
    site.watch.step()
    assert site.router.known_heavy.templates == {entry(1).key}
