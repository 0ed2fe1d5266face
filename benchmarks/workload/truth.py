"""What a run's events say of its statements: which were heavy, which failed, and where."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.workload.driver import Drive, Outcome
from benchmarks.workload.placement import WRITERS
from benchmarks.workload.sink import Event
from infra.local.scale import SCALED_RULE
from smart_routing.labels import LabelRule, QueryWeight


def tokens(outcomes: Iterable[Outcome]) -> list[str]:
    return [attempt.token for outcome in outcomes for attempt in outcome.attempts]


def weight(outcome: Outcome, events: Mapping[str, Event], rule: LabelRule) -> QueryWeight | None:
    """By the events of its attempts: heavy if any was; None if the last failed otherwise or has no event."""
    labels = [_label(events.get(attempt.token), rule) for attempt in outcome.attempts]
    return QueryWeight.HEAVY if QueryWeight.HEAVY in labels else labels[-1]


def _label(event: Event | None, rule: LabelRule) -> QueryWeight | None:
    return None if event is None else event.record.weight(rule)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSummary:
    """A run in figures. `heavy_reads` are statements of users who do not write, by the rule; shares are 0 to 1.

    `cpu_by_heavy_reads` is their part of all reads' CPU, `driver_cpu` the driver's seconds of CPU a second.
    """

    statements: int
    unfinished: int
    attempts: int
    events: int
    reads: int
    heavy_reads: int
    cpu_by_heavy_reads: float
    errors: dict[str, int]
    tenants: dict[str, int]
    clusters: dict[str, int]
    seconds: float
    driver_cpu: float

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    def __str__(self) -> str:
        counts = [
            f"{name:12} {', '.join(f'{key} {number}' for key, number in counter.items()) or 'none'}"
            for name, counter in (("tenants", self.tenants), ("clusters", self.clusters), ("errors", self.errors))
        ]
        return "\n".join(
            (
                f"statements   {self.statements} in {self.seconds:.0f} s, {self.unfinished} cut off at the end",
                f"events       {self.events} of {self.attempts} runs",
                f"heavy        {self.heavy_reads} of {self.reads} reads, {self.cpu_by_heavy_reads:.0%} of their CPU",
                *counts,
                f"driver       {self.driver_cpu:.1%} of a core",
            )
        )


def summarise(
    drive: Drive, events: Mapping[str, Event], *, rule: LabelRule = SCALED_RULE, driver_cpu_seconds: float
) -> RunSummary:
    """The figures of a run, by its outcomes and the events of their attempts."""
    attempts = [attempt for outcome in drive.outcomes for attempt in outcome.attempts]
    reads = [outcome for outcome in drive.outcomes if outcome.statement.role not in WRITERS]
    heavy = [outcome for outcome in reads if weight(outcome, events, rule) is QueryWeight.HEAVY]
    return RunSummary(
        statements=len(drive.outcomes) + drive.unfinished,
        unfinished=drive.unfinished,
        attempts=len(attempts),
        events=len(events),
        reads=len(reads),
        heavy_reads=len(heavy),
        cpu_by_heavy_reads=_cpu(heavy, events) / max(_cpu(reads, events), 1e-9),
        errors=_counted(attempt.error for attempt in attempts if attempt.error),
        tenants=_counted(outcome.statement.tenant for outcome in drive.outcomes),
        clusters=_counted(attempt.cluster for attempt in attempts),
        seconds=drive.seconds,
        driver_cpu=driver_cpu_seconds / drive.seconds,
    )


def _cpu(outcomes: Iterable[Outcome], events: Mapping[str, Event]) -> float:
    return sum(events[token].record.cpu_seconds for token in tokens(outcomes) if token in events)


def _counted(names: Iterable[str]) -> dict[str, int]:
    return dict(Counter(names).most_common())
