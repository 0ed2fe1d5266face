"""Decisions, records and outcomes that differ only where a test says so."""

from datetime import UTC, datetime, timedelta
from typing import Any

from monitoring.truth.outcomes import Fate, Followed, Outcome
from smart_routing.decision_log import LoggedDecision
from smart_routing.known_heavy.entries import NOTHING_KNOWN
from smart_routing.labels import QueryWeight
from smart_routing.querylog.records import QueryRecord
from smart_routing.routing import Reason
from smart_routing.statement_digest import StatementDigest

NOON = datetime(2026, 10, 9, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)
DIGEST = StatementDigest(b"k" * 32)
HEAVY, LIGHT = QueryWeight.HEAVY, QueryWeight.LIGHT


def decision(query_id: str | None = "q1", **changes: Any) -> LoggedDecision:
    """A light decision of the model at noon; `submitted_at` alone also moves `time`."""
    moment = changes.get("submitted_at", NOON)
    fields: dict[str, Any] = {
        "time": moment,
        "submitted_at": moment,
        "user": "0" * 16,
        "source": "bi",
        "template": "t1",
        "decision": LIGHT,
        "reason": Reason.MODEL,
        "probability": 0.1,
        "threshold": 0.5,
        "model_version": "v1-abcdef",
        "history_snapshot": None,
        "policy_revision": "none",
        "known_heavy_generation": NOTHING_KNOWN.generation,
        "tenant": "lake.ads",
    }
    return LoggedDecision(query_id=query_id, **(fields | changes))


def record(query_id: str = "q1", **changes: Any) -> QueryRecord:
    """A statement that was created at noon and took a second."""
    created = changes.get("create_time", NOON)
    fields: dict[str, Any] = {
        "sql": "select 1",
        "user": "ana",
        "source": "bi",
        "catalog": "lake",
        "schema": "ads",
        "state": "FINISHED",
        "cpu_seconds": 0.1,
        "wall_seconds": 1.0,
        "create_time": created,
        "end_time": created + SECOND,
    }
    return QueryRecord(query_id=query_id, **(fields | changes))


def outcome(*query_ids: str, **changes: Any) -> Outcome:
    """A light read of tenant lake.ads at noon."""
    submitted = changes.get("submitted_at", NOON)
    fields: dict[str, Any] = {
        "template": "t1",
        "tenant": "lake.ads",
        "source": "bi",
        "kind": "query",
        "is_read": True,
        "submitted_at": submitted,
        "ended_at": submitted + SECOND,
        "weight": LIGHT,
        "cpu_seconds": 0.1,
        "memory_bytes": 1000,
    }
    return Outcome(query_ids=query_ids or ("q1",), **(fields | changes))


def known(said: QueryWeight, was: QueryWeight, *, submitted_at: datetime = NOON, **of_outcome: Any) -> Followed:
    """A decision whose outcome is known."""
    found = outcome(weight=was, submitted_at=submitted_at, **of_outcome)
    made = decision(decision=said, submitted_at=submitted_at, template=found.template, tenant=found.tenant)
    return Followed(made, Fate.KNOWN, found)
