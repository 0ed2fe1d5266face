"""Every Prometheus metric of the router, defined once, in a registry of the process's own."""

from dataclasses import dataclass
from typing import Final, Self

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_SECONDS: Final = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5)
_PROBABILITY: Final = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)

STAGE_DECIDE: Final = "decide"
STAGE_TOTAL: Final = "total"


@dataclass(frozen=True, slots=True, kw_only=True)
class Metrics:
    """What the router counts; `registry` holds exactly these.

    Who counts by a closed set of labels makes them all at once: Prometheus sees no rise of what appears above zero.
    """

    registry: CollectorRegistry
    decisions: Counter
    decide_seconds: Histogram
    total_seconds: Histogram
    heavy_probability: Histogram
    fallbacks: Counter
    gateway_replies: Counter
    model_info: Gauge
    model_reloads: Counter
    policy_reloads: Counter
    log_rows: Counter
    known_heavy_entries: Gauge
    known_heavy_age: Gauge
    known_heavy_failures: Counter

    @classmethod
    def create(cls) -> Self:
        """A fresh set, all at zero."""
        registry = CollectorRegistry()
        seconds = Histogram(
            "smart_routing_decision_seconds",
            "Time of a decision: decide is the policy chain, total is body in to reply out.",
            ["stage"],
            buckets=_SECONDS,
            registry=registry,
        )
        return cls(
            registry=registry,
            decisions=Counter(
                "smart_routing_decisions_total",
                "Decisions.",
                ["decision", "reason", "model_version"],
                registry=registry,
            ),
            decide_seconds=seconds.labels(STAGE_DECIDE),
            total_seconds=seconds.labels(STAGE_TOTAL),
            heavy_probability=Histogram(
                "smart_routing_heavy_probability",
                "P(heavy) where the model decided.",
                buckets=_PROBABILITY,
                registry=registry,
            ),
            fallbacks=Counter(
                "smart_routing_fallbacks_total",
                "Decisions that tell of the router's state.",
                ["reason"],
                registry=registry,
            ),
            gateway_replies=Counter(
                "smart_routing_gateway_replies_total",
                "Replies to trino-gateway.",
                ["outcome"],
                registry=registry,
            ),
            model_info=Gauge(
                "smart_routing_model_info",
                "1 for the version in force.",
                ["model_version", "feature_schema", "source"],
                registry=registry,
            ),
            model_reloads=Counter(
                "smart_routing_model_reloads_total", "Attempts to take another version.", ["outcome"], registry=registry
            ),
            policy_reloads=Counter(
                "smart_routing_policy_reloads_total",
                "Attempts to take another policy file.",
                ["outcome"],
                registry=registry,
            ),
            log_rows=Counter(
                "smart_routing_decision_log_rows_total", "Rows of the decision log.", ["outcome"], registry=registry
            ),
            known_heavy_entries=Gauge(
                "smart_routing_known_heavy_entries", "Templates known to be heavy.", registry=registry
            ),
            known_heavy_age=Gauge(
                "smart_routing_known_heavy_age_seconds",
                "Time since the known-heavy list could last be looked at.",
                registry=registry,
            ),
            known_heavy_failures=Counter(
                "smart_routing_known_heavy_failures_total",
                "Looks at the known-heavy list that failed.",
                registry=registry,
            ),
        )
