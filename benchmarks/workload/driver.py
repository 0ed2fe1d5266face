"""Sends a schedule's statements when they arrive, whatever became of those before: an open loop with bounds."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final, Protocol

from benchmarks.workload.client import Answer
from benchmarks.workload.schedule import Schedule, Statement
from benchmarks.workload.tenants import Role

USUAL_IN_FLIGHT: Final = {Role.DASHBOARD: 4, Role.ANALYST: 2, Role.ETL: 1, Role.LOADER: 1}


class Clock(Protocol):
    """Seconds that only grow, and waiting for them."""

    def now(self) -> float: ...

    async def sleep(self, seconds: float) -> None: ...


class RealClock:
    """The machine's."""

    def now(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Statements in flight, of one user by role and of all, and seconds after the last arrival until the end."""

    per_user: Mapping[Role, int] = field(default_factory=lambda: USUAL_IN_FLIGHT)
    in_flight: int = 24
    drain_seconds: float = 90.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One run of a statement on one cluster; times in seconds from the start, `error` as in `Answer`."""

    cluster: str
    token: str
    started: float
    ended: float
    error: str | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """A statement with its attempts, at least one."""

    statement: Statement
    attempts: tuple[Attempt, ...]

    @property
    def latency(self) -> float:
        """Seconds from its arrival, not from its sending, to the end of its last attempt."""
        return self.attempts[-1].ended - self.statement.at

    @property
    def error(self) -> str | None:
        return self.attempts[-1].error


@dataclass(frozen=True, slots=True, kw_only=True)
class Drive:
    """What became of a schedule: statements that ended, in order of number, and how many did not."""

    outcomes: tuple[Outcome, ...]
    unfinished: int
    seconds: float


Place = Callable[[Statement], Awaitable[str]]
"""The name of the cluster that a statement goes to."""

Execute = Callable[[Statement, str, str], Awaitable[Answer]]
"""Runs a statement on the named cluster under a trace token."""

Rerun = Callable[[Statement, Attempt], str | None]
"""The cluster that its user sends the statement to next, after an attempt that ended; None: no further one."""


class Driver:
    """One run of a schedule; `run` names it in the trace tokens `<run>-<number>-<attempt>`."""

    def __init__(self, run: str, *, place: Place, execute: Execute, rerun: Rerun, clock: Clock, bounds: Bounds) -> None:
        self._run = run
        self._place = place
        self._execute = execute
        self._rerun = rerun
        self._clock = clock
        self._bounds = bounds
        self._began = 0.0
        self._all = asyncio.Semaphore(bounds.in_flight)
        self._users: dict[str, asyncio.Semaphore] = {}
        self._outcomes: list[Outcome] = []

    async def drive(self, schedule: Schedule) -> Drive:
        """Until all have ended, or the bound of time, at which the rest are cancelled.

        A caller that is cancelled cancels what runs. An error of `place` ends the run.
        """
        self._began = self._clock.now()
        with suppress(TimeoutError):
            async with asyncio.timeout(schedule.seconds + self._bounds.drain_seconds), asyncio.TaskGroup() as group:
                for statement in schedule.statements:
                    await self._clock.sleep(max(0.0, statement.at - self._elapsed()))
                    group.create_task(self._serve(statement))
        return Drive(
            outcomes=tuple(sorted(self._outcomes, key=lambda outcome: outcome.statement.number)),
            unfinished=len(schedule.statements) - len(self._outcomes),
            seconds=self._elapsed(),
        )

    def _elapsed(self) -> float:
        return self._clock.now() - self._began

    async def _serve(self, statement: Statement) -> None:
        bound = self._bounds.per_user[statement.role]
        async with self._users.setdefault(statement.user, asyncio.Semaphore(bound)), self._all:
            attempts: list[Attempt] = []
            cluster: str | None = await self._place(statement)
            while cluster is not None:
                attempts.append(await self._attempt(statement, cluster, number=len(attempts)))
                cluster = self._rerun(statement, attempts[-1])
        self._outcomes.append(Outcome(statement, tuple(attempts)))

    async def _attempt(self, statement: Statement, cluster: str, *, number: int) -> Attempt:
        token, started = f"{self._run}-{statement.number:05d}-{number}", self._elapsed()
        answer = await self._execute(statement, cluster, token)
        return Attempt(cluster=cluster, token=token, started=started, ended=self._elapsed(), error=answer.error)
