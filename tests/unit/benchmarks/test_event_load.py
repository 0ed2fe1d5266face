"""Events under load are Trino's in form and size, and the same each time."""

from pathlib import Path

import pytest

from benchmarks.event_load import HEAVY_BYTES, LIGHT_BYTES, EventLoad
from benchmarks.open_loop import RETRY_SECONDS
from infra.local.loop import EVENTS
from serving.events.intake import Completed, examine

LISTENER = Path(__file__).parents[3] / "infra" / "trino" / "http-event-listener.properties"


@pytest.fixture(scope="module")
def load() -> EventLoad:
    return EventLoad(EVENTS, count=1000, seed=7, note="planted")


def test_one_in_twenty_is_heavy(load: EventLoad) -> None:
    sizes = [len(load.body(number)) for number in range(len(load))]
    heavy = [size for size in sizes if size > LIGHT_BYTES * 2]
    assert len(heavy) == 50
    assert max(heavy) == pytest.approx(HEAVY_BYTES, rel=0.01)
    assert min(heavy) == pytest.approx(HEAVY_BYTES, rel=0.01)
    assert sorted(sizes)[len(sizes) // 2] == pytest.approx(LIGHT_BYTES, rel=0.01)


def test_every_event_is_a_query_of_its_own_that_the_collector_cuts(load: EventLoad) -> None:
    events = [examine(load.body(number)) for number in range(len(load))]
    completed = [event for event in events if isinstance(event, Completed)]
    assert len({event.record.query_id for event in completed}) == len(load)
    assert max(len(event.line) for event in completed) < LIGHT_BYTES
    assert all(b"planted" in event.line for event in completed)


def test_same_seed_gives_the_same_bytes(load: EventLoad) -> None:
    again = EventLoad(EVENTS, count=1000, seed=7, note="planted")
    assert [again.body(number) for number in range(50)] == [load.body(number) for number in range(50)]


def test_sender_tries_again_as_our_listener_configuration_says() -> None:
    lines = LISTENER.read_text().splitlines()
    listener = dict(line.split("=", 1) for line in lines if line.startswith("http-event-listener."))
    first, base = (listener[f"http-event-listener.connect-{name}"] for name in ("retry-delay", "backoff-base"))
    count = int(listener["http-event-listener.connect-retry-count"])
    assert [float(first.removesuffix("s")) * float(base) ** index for index in range(count)] == list(RETRY_SECONDS)
