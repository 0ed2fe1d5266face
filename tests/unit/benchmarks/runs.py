"""Outcomes and events that tests of a run's figures vary."""

from benchmarks.workload.driver import Attempt, Drive, Outcome
from benchmarks.workload.schedule import Statement
from benchmarks.workload.sink import Event
from benchmarks.workload.tenants import Role
from tests.unit.querylog.samples import record


def outcome(
    number: int,
    *attempts: tuple[str, str | None],
    role: Role = Role.ANALYST,
    cancel_after: float | None = None,
    seconds: float = 2.0,
    sql: str = "select 1",
) -> Outcome:
    """A statement that arrives at its number's second; each attempt (cluster, error) takes `seconds`."""
    statement = Statement(
        number=number,
        at=float(number),
        user="ana",
        source="",
        tenant="ads",
        schema="ads",
        role=role,
        sql=sql,
        cancel_after=cancel_after,
    )
    runs = [
        Attempt(
            cluster=cluster,
            token=f"{number}-{place}",
            started=number + place * seconds,
            ended=number + (place + 1) * seconds,
            error=error,
        )
        for place, (cluster, error) in enumerate(attempts or [("small", None)])
    ]
    return Outcome(statement, tuple(runs))


def drive(*outcomes: Outcome, unfinished: int = 0, seconds: float = 100.0) -> Drive:
    return Drive(outcomes=outcomes, unfinished=unfinished, seconds=seconds)


def events(*outcomes: Outcome, cpu: dict[int, float]) -> dict[str, Event]:
    """The event of every attempt; CPU seconds by statement number, 0.1 by default."""
    return {
        attempt.token: Event(
            record(
                attempt.token,
                cpu_seconds=cpu.get(outcome.statement.number, 0.1),
                peak_memory_bytes=1,
                query_type="SELECT" if outcome.statement.sql.startswith("select") else "INSERT",
                state="FAILED" if attempt.error else "FINISHED",
                error_code=attempt.error,
            ),
            b"{}",
        )
        for outcome in outcomes
        for attempt in outcome.attempts
    }
