"""The open loop: arrivals do not wait for answers, and everything has a bound."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import pytest

from benchmarks.workload.client import Answer
from benchmarks.workload.driver import Bounds, Drive, Driver
from benchmarks.workload.placement import LARGE, SMALL, RoundRobin, all_rerun, by_role, some_rerun
from benchmarks.workload.schedule import Schedule, Statement
from benchmarks.workload.tenants import Role


class SteppedClock:
    """Time that passes only while somebody sleeps; who sleeps least is woken first."""

    def __init__(self) -> None:
        self._now = 100.0

    def now(self) -> float:
        return self._now

    async def sleep(self, seconds: float) -> None:
        until = self._now + seconds
        for _ in range(20):  # whoever can go on without time passing goes first
            await asyncio.sleep(0)
        self._now = max(self._now, until)


@dataclass
class FakeCluster:
    """Answers when it is let; remembers who was in flight."""

    errors: dict[str, str] = field(default_factory=dict)
    held: asyncio.Event | None = None
    sent: list[str] = field(default_factory=list)
    in_flight: int = 0
    most_in_flight: int = 0
    cancelled: int = 0

    async def execute(self, statement: Statement, cluster: str, token: str) -> Answer:
        self.sent.append(f"{statement.user}@{cluster}:{token}")
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            if self.held:
                await self.held.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.in_flight -= 1
        return Answer(self.errors.get(cluster))


def statement(number: int, *, at: float = 0.0, user: str = "ana", role: Role = Role.ANALYST) -> Statement:
    return Statement(
        number=number, at=at, user=user, source="", tenant="ads", schema="ads", role=role, sql="select 1", reruns=False
    )


def drive(
    cluster: FakeCluster,
    *statements: Statement,
    bounds: Bounds | None = None,
    rerun: Callable[..., str | None] = all_rerun,
    meanwhile: Callable[[], Awaitable[None]] | None = None,
) -> Drive:
    async def run() -> Drive:
        driver = Driver(
            "run",
            place=by_role,
            execute=cluster.execute,
            rerun=rerun,
            clock=SteppedClock(),
            bounds=bounds or Bounds(),
        )
        schedule = Schedule(seed=1, seconds=0.05, per_second=1.0, statements=statements)
        driven = asyncio.create_task(driver.drive(schedule))
        if meanwhile:
            await meanwhile()
        return await driven

    return asyncio.run(run())


def test_arrivals_do_not_wait_for_answers() -> None:
    cluster = FakeCluster(held=asyncio.Event())

    async def let_go_when_all_were_sent() -> None:
        while len(cluster.sent) < 3:
            await asyncio.sleep(0)
        assert cluster.held
        cluster.held.set()

    done = drive(
        cluster,
        *(statement(number, at=number * 10.0, user=f"user{number}") for number in range(3)),
        meanwhile=let_go_when_all_were_sent,
    )
    assert [outcome.attempts[0].started for outcome in done.outcomes] == [0.0, 10.0, 20.0]
    assert [outcome.latency for outcome in done.outcomes] == [20.0, 10.0, 0.0]
    assert done.unfinished == 0


@pytest.mark.parametrize(
    ("bounds", "users", "most"),
    [
        (Bounds(per_user={Role.ANALYST: 2}, in_flight=10), ["ana"] * 6, 2),
        (Bounds(per_user={Role.ANALYST: 2}, in_flight=3), ["ana", "bo", "chen", "dina"], 3),
    ],
    ids=["one user", "all"],
)
def test_statements_in_flight_are_bounded(bounds: Bounds, users: list[str], most: int) -> None:
    cluster = FakeCluster(held=asyncio.Event())

    async def let_go_later() -> None:
        for _ in range(500):
            await asyncio.sleep(0)
        assert cluster.in_flight == most
        assert cluster.held
        cluster.held.set()

    statements = [statement(number, user=user) for number, user in enumerate(users)]
    done = drive(cluster, *statements, bounds=bounds, meanwhile=let_go_later)
    assert cluster.most_in_flight == most
    assert len(done.outcomes) == len(users)


def test_what_does_not_end_in_time_is_cancelled_and_counted() -> None:
    cluster = FakeCluster(held=asyncio.Event())
    done = drive(cluster, statement(0), statement(1, user="bo"), bounds=Bounds(drain_seconds=0.05))
    assert (done.outcomes, done.unfinished, cluster.cancelled) == ((), 2, 2)


def test_interrupted_run_cancels_what_runs() -> None:
    cluster = FakeCluster(held=asyncio.Event())

    async def interrupt() -> None:
        while not cluster.in_flight:
            await asyncio.sleep(0)
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            if task.get_coro().__qualname__ == "Driver.drive":  # type: ignore[union-attr]  # a coroutine has one
                task.cancel()

    with pytest.raises(asyncio.CancelledError):
        drive(cluster, statement(0), meanwhile=interrupt)
    assert (cluster.in_flight, cluster.cancelled) == (0, 1)


def test_failure_for_size_on_small_is_run_again_on_large() -> None:
    cluster = FakeCluster(errors={SMALL: "EXCEEDED_CPU_LIMIT"})
    (outcome,) = drive(cluster, statement(0)).outcomes
    assert cluster.sent == [f"ana@{SMALL}:run-00000-0", f"ana@{LARGE}:run-00000-1"]
    assert outcome.error is None


def test_user_who_does_not_try_again_does_not() -> None:
    cluster = FakeCluster(errors={SMALL: "EXCEEDED_CPU_LIMIT"})
    (outcome,) = drive(cluster, statement(0), rerun=some_rerun).outcomes
    assert (len(outcome.attempts), outcome.error) == (1, "EXCEEDED_CPU_LIMIT")


@pytest.mark.parametrize("error", ["SYNTAX_ERROR", "USER_CANCELED", "EXCEEDED_TIME_LIMIT"])
def test_other_failures_are_final(error: str) -> None:
    (outcome,) = drive(FakeCluster(errors={SMALL: error}), statement(0)).outcomes
    assert len(outcome.attempts) == 1


def test_writers_go_to_large_without_a_router() -> None:
    cluster = FakeCluster(errors={LARGE: "EXCEEDED_CPU_LIMIT"})
    drive(cluster, statement(0, role=Role.ETL))
    assert cluster.sent == [f"ana@{LARGE}:run-00000-0"]


def test_round_robin_takes_each_in_turn() -> None:
    async def places() -> list[str]:
        place = RoundRobin(("a", "b"))
        return [await place(statement(number)) for number in range(4)]

    assert asyncio.run(places()) == ["a", "b", "a", "b"]
