import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import pytest

from serving.metrics import Metrics
from serving.reload.tripwire import Subject, Swap, Tripwire
from serving.service import Clocks, RoutingService
from smart_routing.errors import UnknownModelVersionError
from smart_routing.labels import QueryWeight
from smart_routing.loaded_models import LoadedModels
from smart_routing.request import Request
from smart_routing.router import Router
from smart_routing.routing import Reason, RoutingDecision
from tests.bundles import JoinModel
from tests.unit.serving.reload.swaps import LIMITS

NOW = datetime(2026, 10, 5, 12, tzinfo=UTC)
WAITED = ("smart_routing_decision_seconds_sum", {"stage": "wait"})
SHED = ("smart_routing_fallbacks_total", {"reason": "overloaded"})
REQUEST = Request(query_id="q", sql="select 1", user="ana", submitted_at=NOW)


def service(
    folder: Path, ticks: Iterator[float], *, max_in_flight: int = 100, max_wait_seconds: float = 10_000
) -> RoutingService:
    router = Router(model=JoinModel().load(folder / "v1", version="1"))
    clocks = Clocks(now=lambda: NOW, monotonic=lambda: next(ticks))
    return RoutingService(
        router,
        metrics=Metrics.create(),
        clocks=clocks,
        max_in_flight=max_in_flight,
        max_wait_seconds=max_wait_seconds,
    )


async def together(routing: RoutingService, requests: int, *, deadline: float) -> list[RoutingDecision]:
    return await asyncio.gather(*(routing.decide(REQUEST, deadline=deadline) for _ in range(requests)))


def reasons(decisions: list[RoutingDecision]) -> list[Reason]:
    return [decision.reason for decision in decisions]


def test_more_than_may_wait_is_heavy_at_once(tmp_path: Path) -> None:
    """One has its turn, three wait; a turn is shorter than a tick, so that each decision is one."""
    routing = service(tmp_path, count(), max_in_flight=3)
    decisions = asyncio.run(together(routing, 6, deadline=10_000))
    assert reasons(decisions) == [Reason.MODEL] * 4 + [Reason.OVERLOADED] * 2
    assert decisions[5].weight == QueryWeight.HEAVY
    assert reasons(asyncio.run(together(routing, 4, deadline=10_000))) == [Reason.MODEL] * 4


def test_time_spent_waiting_for_others_counts(tmp_path: Path) -> None:
    routing = service(tmp_path, count())
    found = reasons(asyncio.run(together(routing, 12, deadline=60)))
    assert found == sorted(found, reverse=True)  # who came first is decided in time
    assert set(found) == {Reason.MODEL, Reason.DEADLINE}


def test_requests_of_one_turn_do_not_wait_for_each_other(tmp_path: Path) -> None:
    routing = service(tmp_path, (tick / 1e6 for tick in count()), max_in_flight=1)
    assert reasons(asyncio.run(together(routing, 50, deadline=10_000))) == [Reason.MODEL] * 50
    assert routing.metrics.registry.get_sample_value(*WAITED) == 0.0


def test_decisions_after_a_swap_are_judged(tmp_path: Path) -> None:
    router, now = Router(model=JoinModel().load(tmp_path / "v1", version="1")), iter(range(0, 1000, 10))
    undone: list[str] = []
    tripwire = Tripwire(LIMITS, monotonic=lambda: next(now))
    routing = RoutingService(
        router,
        metrics=Metrics.create(),
        clocks=Clocks(now=lambda: NOW, monotonic=lambda: 0.0),
        max_in_flight=100,
        max_wait_seconds=10_000,
        tripwire=tripwire,
    )
    for _ in range(4):
        asyncio.run(together(routing, 100, deadline=10))
    old, router.models = (
        router.models.current,
        LoadedModels(JoinModel(threshold=0.0).load(tmp_path / "v2", version="2")),
    )
    assert old is not None
    assert router.models.current is not None
    new = router.models.current.version
    tripwire.watch(Swap(subject=Subject.MODEL, old=old.version, new=new, undo=undone.append))
    for _ in range(3):
        asyncio.run(together(routing, 100, deadline=10))
        tripwire.step()
    assert undone == ["the model found heavy 100.0% of 100 decisions where 0.0% were before"]


def test_overloaded_service_still_tells_of_an_unknown_pin(tmp_path: Path) -> None:
    routing = service(tmp_path, count(), max_in_flight=0)
    with pytest.raises(UnknownModelVersionError):
        asyncio.run(routing.decide(REQUEST, deadline=10, pin="v9"))


def test_who_waited_too_long_is_heavy_without_a_look_at_the_statement(tmp_path: Path) -> None:
    routing = service(tmp_path, count(), max_wait_seconds=7)
    found = reasons(asyncio.run(together(routing, 6, deadline=10_000)))
    assert found == sorted(found)  # who came first is decided, who came last is not
    assert set(found) == {Reason.MODEL, Reason.OVERLOADED}
    assert routing.metrics.registry.get_sample_value(*SHED) == found.count(Reason.OVERLOADED)
