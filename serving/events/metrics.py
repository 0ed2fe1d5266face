"""Every Prometheus metric of the collector, defined once."""

from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Self

from prometheus_client import CollectorRegistry, Counter, Gauge, ProcessCollector


class EventOutcome(StrEnum):
    """What became of an event; one that was accepted is later counted again, as stored or duplicate."""

    ACCEPTED = "accepted"
    """On disk and acknowledged."""
    CREATED = "created"
    """The beginning of a query; acknowledged, not kept."""
    REJECTED = "rejected"
    """No usable event; acknowledged and set aside with the reason."""
    REFUSED = "refused"
    """Not acknowledged: the sender is to try again."""
    BROKEN_OFF = "broken_off"
    """The sender went away before its body was complete."""
    TOO_LARGE = "too_large"
    """Over the bound of a body; lost."""
    UNAUTHORIZED = "unauthorized"
    """Sent without the token; lost."""
    STORED = "stored"
    DUPLICATE = "duplicate"
    """Known already, here or in the store."""


class TemplateOutcome(StrEnum):
    """What became of the template of a statement that failed for its size."""

    ADDED = "added"
    """In the known-heavy list, or renewed there."""
    LEFT_OUT = "left_out"
    """Of a statement over the parse caps, or without tokens."""
    DROPPED = "dropped"
    """The oldest of too many that wait for the list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventMetrics:
    """What the collector counts; `registry` holds exactly these, and what the process takes."""

    registry: CollectorRegistry
    events: Counter
    spill_bytes: Gauge
    spill_limit_bytes: Gauge
    store_failures: Counter
    templates: Counter
    known_heavy_failures: Counter
    running_statements: Counter
    coordinator_answers: Gauge

    @classmethod
    def create(cls) -> Self:
        """A fresh set, all at zero."""
        registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        counter, gauge = partial(Counter, registry=registry), partial(Gauge, registry=registry)
        created = cls(
            registry=registry,
            events=counter("smart_routing_query_events_total", "Query events.", ["outcome"]),
            spill_bytes=gauge(
                "smart_routing_event_spill_bytes", "Bytes of accepted events that the store does not have yet."
            ),
            spill_limit_bytes=gauge("smart_routing_event_spill_limit_bytes", "Bytes that such events may have."),
            store_failures=counter(
                "smart_routing_event_store_failures_total", "Batches of events that the store did not take."
            ),
            templates=counter(
                "smart_routing_known_heavy_templates_total",
                "Templates of statements that failed for their size.",
                ["outcome"],
            ),
            known_heavy_failures=counter(
                "smart_routing_known_heavy_write_failures_total", "Changes that the known-heavy list did not take."
            ),
            running_statements=counter(
                "smart_routing_running_statements_total", "Statements past a limit that were stored while they ran."
            ),
            coordinator_answers=gauge(
                "smart_routing_coordinator_answers",
                "Whether the coordinator told of its running statements at the last look.",
                ["coordinator"],
            ),
        )
        created._show_at_zero()
        return created

    def _show_at_zero(self) -> None:
        """Prometheus sees no rise of what appears above zero."""
        for outcome in EventOutcome:
            self.events.labels(outcome)
        for result in TemplateOutcome:
            self.templates.labels(result)

    def count(self, outcome: EventOutcome, number: int = 1) -> None:
        self.events.labels(outcome).inc(number)

    def count_templates(self, outcome: TemplateOutcome, number: int = 1) -> None:
        self.templates.labels(outcome).inc(number)
