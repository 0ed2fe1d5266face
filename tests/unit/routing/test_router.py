import gc
import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import chain, repeat
from typing import Any

import pytest

from smart_routing.errors import UnknownModelVersionError
from smart_routing.history.timeline import Timeline
from smart_routing.inference import Model
from smart_routing.known_heavy.entries import NOTHING_KNOWN, KnownHeavy, SessionTemplate
from smart_routing.labels import QueryWeight
from smart_routing.loaded_models import LoadedModels
from smart_routing.policy import Match, Override, Policy
from smart_routing.request import Request
from smart_routing.router import DecisionCache, Router
from smart_routing.routing import POLICY_CHAIN, Case, Reason, RoutingDecision
from smart_routing.stages import Stage
from tests.bundles import JoinModel

MARKER = "zanzibar4711"
CHECKS = 1 + len(POLICY_CHAIN) + len(Stage) - 1
"""Of the time: before anything, after each rule, and after each stage but the look into the cache."""
REQUEST = Request(query_id="q", sql="select 1", user="ana", submitted_at=datetime(2026, 10, 5, 12, tzinfo=UTC))


@pytest.fixture(scope="module")
def make(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Model]:
    def load(version: str, per_join: float = 0.25) -> Model:
        return JoinModel(per_join=per_join).load(tmp_path_factory.mktemp("bundle") / "b", version=version)

    return load


class BrokenSession:
    """A session that quotes its input when it fails."""

    def io_binding(self) -> Any:
        raise RuntimeError(f"cannot score {MARKER}")


def requests() -> list[Request]:
    statements = ["select 1", "select * from a join b on 1 = 1 join c on 1 = 1", "SHOW TABLES", "", "drop table t"]
    users = [replace(REQUEST, sql=sql, user=user) for sql in statements for user in ("ana", "etl")]
    sessions = [replace(REQUEST, catalog="c", schema=schema, source="s") for schema in ("x", "y", None)]
    hours = [replace(REQUEST, submitted_at=REQUEST.submitted_at + timedelta(hours=hour)) for hour in range(30)]
    return [*users, *sessions, *hours, replace(REQUEST, in_transaction=True)]


def test_replies_are_identical_with_cache_and_without(make: Callable[..., Model]) -> None:
    model = make("1")
    policy = Policy(revision="1-a", overrides=(Override(match=Match(user="etl"), decision=QueryWeight.HEAVY),))
    known = KnownHeavy.of([SessionTemplate(Case(request=REQUEST).template, "c", "x")])
    plain, cached = (Router(model=model, policy=policy, known_heavy=known, cache_entries=entries) for entries in (0, 7))
    for request in requests() * 3:
        expected, found = plain.decide(request), cached.decide(request)
        assert found == expected
        assert _bytes(found) == _bytes(expected)


def _bytes(decision: RoutingDecision) -> bytes | None:
    return None if decision.vector is None else decision.vector.tobytes()


def test_two_routers_agree(make: Callable[..., Model]) -> None:
    first, second = Router(model=make("1"), cache_entries=100), Router(model=make("1"))
    assert [first.decide(request) for request in requests()] == [
        second.decide(request) for request in reversed(requests())
    ][::-1]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"user": "bo"}, id="user"),
        pytest.param({"source": "dbeaver"}, id="source"),
        pytest.param({"catalog": "c"}, id="catalog"),
        pytest.param({"schema": "s"}, id="schema"),
        pytest.param({"sql": "select 2"}, id="sql"),
        pytest.param({"in_transaction": True}, id="in-transaction"),
        pytest.param({"submitted_at": REQUEST.submitted_at + timedelta(hours=1)}, id="hour"),
        pytest.param({"submitted_at": REQUEST.submitted_at + timedelta(days=1)}, id="weekday"),
    ],
)
def test_cache_tells_requests_apart(make: Callable[..., Model], change: dict[str, Any]) -> None:
    router = Router(model=make("1"), cache_entries=10)
    assert router.decide(replace(REQUEST, **change)) is not router.decide(REQUEST)


def test_cache_serves_a_repeated_request(make: Callable[..., Model]) -> None:
    router = Router(model=make("1"), cache_entries=10)
    assert router.decide(replace(REQUEST, query_id="other")) is router.decide(REQUEST)


def test_another_history_is_seen_through_the_cache(make: Callable[..., Model]) -> None:
    router = Router(model=make("1"), cache_entries=10)
    assert router.decide(REQUEST).history_snapshot is None
    router.history = Timeline([])
    assert router.decide(REQUEST).history_snapshot is not None


def test_another_model_policy_or_known_heavy_list_is_seen_through_the_cache(make: Callable[..., Model]) -> None:
    one_join = replace(REQUEST, sql="select * from a join b on a.x = b.x")
    router = Router(model=make("1"), cache_entries=10)
    assert router.decide(one_join).weight == QueryWeight.LIGHT
    router.models = LoadedModels(make("2", per_join=0.75))
    assert router.decide(one_join).weight == QueryWeight.HEAVY
    order = Override(match=Match(user="ana"), decision=QueryWeight.LIGHT)
    router.policy = Policy(revision="2-b", overrides=(order,))
    assert router.decide(one_join).reason == Reason.OVERRIDE
    router.policy = Policy(revision="3-c", overrides=())
    router.known_heavy = KnownHeavy.of([SessionTemplate(Case(request=one_join).template)])
    assert router.decide(one_join).reason == Reason.KNOWN_HEAVY_TEMPLATE
    assert router.decide(one_join).known_heavy_generation == router.known_heavy.generation
    router.known_heavy = NOTHING_KNOWN
    assert router.decide(one_join).reason == Reason.MODEL


def test_cache_drops_the_least_recently_used() -> None:
    cache, decision = DecisionCache(2), RoutingDecision(weight=QueryWeight.HEAVY, reason=Reason.NO_MODEL)
    cache.put("a", decision)
    cache.put("b", decision)
    cache.get("a")
    cache.put("c", decision)
    assert [cache.get(key) is not None for key in "abc"] == [True, False, True]


@pytest.mark.parametrize("checks_in_time", range(CHECKS + 1))
def test_out_of_time_is_heavy_at_whatever_rule_or_stage(make: Callable[..., Model], checks_in_time: int) -> None:
    ticks = chain(repeat(False, checks_in_time), repeat(True))
    decision = Router(model=make("1"), cache_entries=10).decide(REQUEST, out_of_time=lambda: next(ticks))
    expected = Reason.DEADLINE if checks_in_time < CHECKS else Reason.MODEL
    assert decision.reason == expected
    assert (decision.weight == QueryWeight.HEAVY) == (expected == Reason.DEADLINE)


def test_cache_does_not_hide_a_deadline(make: Callable[..., Model]) -> None:
    router = Router(model=make("1"), cache_entries=10)
    assert router.decide(REQUEST).reason == Reason.MODEL
    assert router.decide(REQUEST, out_of_time=lambda: True).reason == Reason.DEADLINE


def test_deadline_is_not_cached(make: Callable[..., Model]) -> None:
    router = Router(model=make("1"), cache_entries=10)
    assert router.decide(REQUEST, out_of_time=lambda: True).reason == Reason.DEADLINE
    assert router.decide(REQUEST).reason == Reason.MODEL


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("select 1", list(Stage)),
        ("drop table t", [Stage.CACHE, Stage.TOKENS]),
        ("show tables", [Stage.CACHE, Stage.TOKENS]),
    ],
    ids=["read", "write", "metadata"],
)
def test_stages_are_told_as_they_end(make: Callable[..., Model], sql: str, expected: list[Stage]) -> None:
    router, told = Router(model=make("1"), cache_entries=10), list[Stage]()
    router.decide(replace(REQUEST, sql=sql), stage_ended=told.append)
    assert told == expected
    told.clear()
    router.decide(replace(REQUEST, sql=sql), stage_ended=told.append)
    assert told == [Stage.CACHE]


def test_text_read_once_is_not_read_again_for_another_model_history_or_policy(make: Callable[..., Model]) -> None:
    router, told = Router(model=make("1"), cache_entries=10, facts_cache_bytes=2**20), list[Stage]()
    router.decide(REQUEST)
    router.models = LoadedModels(make("2", per_join=0.75))
    router.history = Timeline([])
    router.policy = Policy(revision="2-b", overrides=())
    decision = router.decide(replace(REQUEST, user="bo"), stage_ended=told.append)
    assert told == [Stage.CACHE, Stage.FEATURES, Stage.MODEL]
    plain = Router(model=router.models.current, history=router.history, policy=router.policy)
    assert decision == plain.decide(replace(REQUEST, user="bo"))


def test_replies_are_identical_with_texts_kept_and_without(make: Callable[..., Model]) -> None:
    plain, keeping = Router(model=make("1")), Router(model=make("1"), facts_cache_bytes=8 * 2**10)
    for request in requests() * 2:
        expected, found = plain.decide(request), keeping.decide(request)
        assert found == expected
        assert _bytes(found) == _bytes(expected)


def test_decisions_leave_no_cycles_behind(make: Callable[..., Model]) -> None:
    router = Router(model=make("1"), cache_entries=10, facts_cache_bytes=2**20)
    for request in requests():
        router.decide(request)
    gc.collect()
    gc.disable()
    try:
        for request in requests():
            router.decide(replace(request, user="another"))
        assert gc.collect() == 0
    finally:
        gc.enable()


def test_failing_model_is_heavy_and_logged_without_its_message(
    make: Callable[..., Model], caplog: pytest.LogCaptureFixture
) -> None:
    router = Router(model=replace(make("1"), session=BrokenSession()), cache_entries=10)
    with caplog.at_level(logging.ERROR):
        decision = router.decide(replace(REQUEST, sql=f"select '{MARKER}'"))
    assert (decision.weight, decision.reason) == (QueryWeight.HEAVY, Reason.MODEL_ERROR)
    (record,) = caplog.records
    assert record.__dict__["fields"]["error"] == "RuntimeError"
    assert MARKER not in str(record.__dict__)


def test_text_that_is_no_unicode_is_heavy() -> None:
    assert Router().decide(replace(REQUEST, sql="\ud800")).weight == QueryWeight.HEAVY


def test_pin_chooses_between_current_and_previous(make: Callable[..., Model]) -> None:
    old, new = make("1"), make("2", per_join=0.75)
    router = Router()
    router.models = LoadedModels(new, old)
    assert [router.decide(REQUEST, pin=pin).model_version for pin in (None, "v1", old.version, "v2", new.version)] == [
        new.version,
        old.version,
        old.version,
        new.version,
        new.version,
    ]


@pytest.mark.parametrize("pin", ["v3", "v1-000000", "1", "v", "-"])
def test_unknown_pin_raises(make: Callable[..., Model], pin: str) -> None:
    with pytest.raises(UnknownModelVersionError, match="expected one of v1-"):
        Router(model=make("1")).decide(REQUEST, pin=pin)


def test_router_without_vectors_gives_none(make: Callable[..., Model]) -> None:
    assert Router(model=make("1"), keep_vectors=False).decide(REQUEST).vector is None
