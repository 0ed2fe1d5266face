"""From the spill to the store: in batches, nothing lost while the store is down."""

from pathlib import Path

import pytest

from serving.events.drain import SEGMENTS_PER_BATCH, Drain
from serving.events.metrics import EventMetrics
from serving.events.rejects import RejectFile
from serving.events.spill import Spill
from tests.unit.querylog.samples import event
from tests.unit.serving.events.event_store import MemoryStore

BATCH_SECONDS = 30.0


class Site:
    """A spill, a store and the drain between them."""

    def __init__(self, folder: Path, *, segment_bytes: int = 2**20) -> None:
        (folder / "spill").mkdir(exist_ok=True)
        self.spill = Spill(folder / "spill", max_bytes=2**24, segment_bytes=segment_bytes)
        self.store = MemoryStore()
        self.metrics = EventMetrics.create()
        self.rejects = folder / "rejects.jsonl"
        self.drain = Drain(
            self.spill,
            self.store,
            rejects=RejectFile(self.rejects),
            metrics=self.metrics,
            batch_seconds=BATCH_SECONDS,
        )

    def append(self, *query_ids: str) -> None:
        for query_id in query_ids:
            self.spill.append(event({"metadata.queryId": query_id}))

    def events(self, outcome: str) -> float:
        return self.metrics.registry.get_sample_value("smart_routing_query_events_total", {"outcome": outcome}) or 0.0


def test_batch_goes_to_the_store_and_its_segment_goes_away(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.append("q1", "q2")
    assert site.drain.step() == BATCH_SECONDS
    assert list(site.store.stored) == ["q1", "q2"]
    assert (site.spill.size, site.spill.closed()) == (0, [])
    assert site.events("stored") == 2


def test_nothing_to_do_asks_nothing_of_the_store(tmp_path: Path) -> None:
    site = Site(tmp_path)
    assert site.drain.step() == BATCH_SECONDS
    assert site.store.appends == 0


def test_event_that_the_store_has_counts_as_duplicate(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.append("q1", "q2", "q1")
    site.drain.step()
    site.append("q2")
    site.drain.step()
    assert (len(site.store.stored), site.events("stored"), site.events("duplicate")) == (2, 2, 2)


@pytest.mark.parametrize("kind", ["domain", "unforeseen"])
def test_store_that_is_down_keeps_the_segments_and_is_asked_less_and_less(tmp_path: Path, kind: str) -> None:
    site = Site(tmp_path)
    site.append("q1")
    site.store.go_down()
    if kind == "unforeseen":
        site.store.failure = UnicodeEncodeError("utf-8", "select 'secret'", 0, 1, "surrogates")
    assert [site.drain.step() for _ in range(8)] == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]
    site.append("q2")
    assert (len(site.spill.closed()), site.spill.size > 0) == (1, True)
    assert site.metrics.registry.get_sample_value("smart_routing_event_store_failures_total") == 8
    site.store.failure = None
    assert site.drain.step() == BATCH_SECONDS
    assert site.drain.step() == BATCH_SECONDS
    assert list(site.store.stored) == ["q1", "q2"]
    site.append("q3")
    site.store.go_down()
    assert site.drain.step() == 1.0


def test_failure_is_logged_without_statements(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    site = Site(tmp_path)
    site.append("q1")
    site.store.failure = UnicodeEncodeError("utf-8", "select 'secret'", 0, 1, "surrogates")
    site.drain.step()
    (record,) = caplog.records
    assert vars(record)["fields"] == {"reason": "UnicodeEncodeError", "retry_seconds": 1.0}


def test_many_segments_go_in_several_batches_without_a_pause(tmp_path: Path) -> None:
    site = Site(tmp_path, segment_bytes=1)
    site.append(*(f"q{number}" for number in range(SEGMENTS_PER_BATCH + 1)))
    assert [site.drain.step(), site.drain.step()] == [0.0, BATCH_SECONDS]
    assert (site.store.appends, len(site.store.stored)) == (2, SEGMENTS_PER_BATCH + 1)


def test_flush_moves_the_segment_that_is_written_to_as_well(tmp_path: Path) -> None:
    site = Site(tmp_path, segment_bytes=1000)
    site.append(*(f"q{number}" for number in range(20)))
    site.drain.flush()
    assert (len(site.store.stored), site.spill.size) == (20, 0)


def test_flush_gives_up_on_a_store_that_is_down(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.append("q1")
    site.store.go_down()
    site.drain.flush()
    assert len(site.spill.closed()) == 1


def test_next_process_takes_up_what_is_left(tmp_path: Path) -> None:
    first = Site(tmp_path)
    first.append("q1", "q2")
    (segment,) = (tmp_path / "spill").iterdir()
    segment.write_bytes(segment.read_bytes() + event({"metadata.queryId": "q3"})[:100])
    second = Site(tmp_path)
    second.drain.step()
    assert list(second.store.stored) == ["q1", "q2"]
    assert list((tmp_path / "spill").iterdir()) == []


def test_line_that_the_disk_spoilt_is_set_aside(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.append("q1")
    site.spill.append(b"\0" * 10)
    site.append("q2")
    site.drain.step()
    assert list(site.store.stored) == ["q1", "q2"]
    assert (site.events("rejected"), site.rejects.read_text().count("\n")) == (1, 1)
