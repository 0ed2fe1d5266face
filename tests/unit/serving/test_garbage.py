import gc
import weakref
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from serving.process import garbage
from serving.process.garbage import IdleCollection
from smart_routing.features.facts import read_facts
from smart_routing.request import Request
from smart_routing.router import Router


class Knot:
    """Holds itself."""

    def __init__(self) -> None:
        self.itself = self


class Asked:
    """Decisions that were asked for."""

    count = 0

    def __call__(self) -> int:
        return self.count


@pytest.fixture
def asked() -> Asked:
    return Asked()


@pytest.fixture
def collection(asked: Asked) -> Iterator[IdleCollection]:
    started = IdleCollection(asked)
    started.start()
    yield started
    started.stop()


def test_collector_is_off_while_it_runs_and_on_again_afterwards() -> None:
    collection = IdleCollection(Asked())
    collection.start()
    assert not gc.isenabled()
    assert gc.get_freeze_count() > 0
    collection.stop()
    assert gc.isenabled()
    assert gc.get_freeze_count() == 0


def test_cycles_are_freed_once_nobody_asks_any_more(collection: IdleCollection, asked: Asked) -> None:
    knot = weakref.ref(Knot())
    asked.count = 1
    collection.step()
    assert knot() is not None
    collection.step()
    assert knot() is None


def test_idle_worker_that_decided_nothing_is_left_alone(collection: IdleCollection) -> None:
    knot = weakref.ref(Knot())
    collection.step()
    collection.step()
    assert knot() is not None


def test_worker_that_is_never_idle_is_collected_when_objects_pile_up(collection: IdleCollection, asked: Asked) -> None:
    knot = weakref.ref(Knot())
    piled = [[] for _ in range(garbage.MOST_YOUNG + 1)]  # type: ignore[var-annotated]  # nothing is in them
    asked.count = 1
    collection.step()
    assert knot() is None
    assert len(piled) == garbage.MOST_YOUNG + 1


def test_statements_leave_no_cycles_behind(collection: IdleCollection) -> None:
    sql = "with c as (select a, count(*) n from t group by a) select * from c join u on c.a = u.a where u.b in (1, 2)"
    read_facts(sql)
    gc.collect()
    for _ in range(20):
        read_facts(sql)
    assert gc.collect() == 0
    assert collection.step() > 0


def test_router_tells_how_many_decisions_were_asked_for() -> None:
    router = Router()
    for _ in range(3):
        router.decide(Request(query_id="q", sql="select 1", user="ana", submitted_at=datetime(2026, 10, 5, tzinfo=UTC)))
    assert router.asked == 3
