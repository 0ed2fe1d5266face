"""Every Prometheus metric of the router, defined once, in a registry of the process's own."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final, Self

from prometheus_client import CollectorRegistry, Counter, Gauge, ProcessCollector

from serving.tallies import Distribution, Spread, Tally
from smart_routing.stages import Stage

_SECONDS: Final = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5)
_PROBABILITY: Final = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)

STAGE_WAIT: Final = "wait"
STAGE_DECIDE: Final = "decide"
STAGE_TOTAL: Final = "total"


@dataclass(frozen=True, slots=True, kw_only=True)
class Metrics:
    """What the router counts; `registry` holds exactly these, and what the process takes.

    Who counts by a closed set of labels makes them all at once: Prometheus sees no rise of what appears above zero.
    """

    registry: CollectorRegistry
    decisions: Tally
    wait_seconds: Distribution
    decide_seconds: Distribution
    total_seconds: Distribution
    stage_seconds: Mapping[Stage, Distribution]
    heavy_probability: Distribution
    fallbacks: Tally
    gateway_replies: Tally
    model_info: Gauge
    model_reloads: Counter
    model_quarantined: Gauge
    policy_reloads: Counter
    history_reloads: Counter
    history_quarantined: Gauge
    history_info: Gauge
    history_keys: Gauge
    history_as_of: Gauge
    log_rows: Counter
    known_heavy_entries: Gauge
    known_heavy_age: Gauge
    known_heavy_failures: Counter

    @classmethod
    def create(cls) -> Self:
        """A fresh set, all at zero."""
        registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        counter, gauge = partial(Counter, registry=registry), partial(Gauge, registry=registry)
        tally, spread = partial(Tally, registry=registry), partial(Spread, registry=registry)
        seconds = spread(
            "smart_routing_decision_seconds",
            "Time of a decision: wait is for others before it, total is headers to reply, others are parts of decide.",
            _SECONDS,
            label="stage",
        )
        return cls(
            registry=registry,
            decisions=tally("smart_routing_decisions", "Decisions.", ["decision", "reason", "model_version"]),
            wait_seconds=seconds.of(STAGE_WAIT),
            decide_seconds=seconds.of(STAGE_DECIDE),
            total_seconds=seconds.of(STAGE_TOTAL),
            stage_seconds={stage: seconds.of(stage) for stage in Stage},
            heavy_probability=spread(
                "smart_routing_heavy_probability", "P(heavy) where the model decided.", _PROBABILITY
            ).of(),
            fallbacks=tally("smart_routing_fallbacks", "Decisions that tell of the router's state.", ["reason"]),
            gateway_replies=tally("smart_routing_gateway_replies", "Replies to trino-gateway.", ["outcome"]),
            model_info=gauge(
                "smart_routing_model_info", "1 for the version in force.", ["model_version", "feature_schema", "source"]
            ),
            model_reloads=counter(
                "smart_routing_model_reloads_total", "Attempts to take another version.", ["outcome"]
            ),
            model_quarantined=gauge(
                "smart_routing_model_quarantined",
                "1 for a version that was rolled back and is not taken again.",
                ["model_version"],
            ),
            policy_reloads=counter(
                "smart_routing_policy_reloads_total", "Attempts to take another policy file.", ["outcome"]
            ),
            log_rows=counter("smart_routing_decision_log_rows_total", "Rows of the decision log.", ["outcome"]),
            known_heavy_entries=gauge("smart_routing_known_heavy_entries", "Templates known to be heavy."),
            known_heavy_age=gauge(
                "smart_routing_known_heavy_age_seconds", "Time since the known-heavy list could last be looked at."
            ),
            known_heavy_failures=counter(
                "smart_routing_known_heavy_failures_total", "Looks at the known-heavy list that failed."
            ),
            history_reloads=counter(
                "smart_routing_history_reloads_total", "Attempts to take another history snapshot.", ["outcome"]
            ),
            history_quarantined=gauge(
                "smart_routing_history_quarantined",
                "1 for a snapshot that was rolled back and is not taken again.",
                ["snapshot"],
            ),
            history_info=gauge("smart_routing_history_info", "1 for the history snapshot in force.", ["snapshot"]),
            history_keys=gauge(
                "smart_routing_history_keys", "Templates, users, sources and tables in the history snapshot."
            ),
            history_as_of=gauge(
                "smart_routing_history_as_of_seconds",
                "Unix time at which what the history snapshot knows ends; 0 without one.",
            ),
        )
