"""What POST /v1/route carries: the body it takes and the reply it gives."""

import math
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec

from smart_routing.errors import RequestError
from smart_routing.features.schema import SCHEMA_HASH
from smart_routing.labels import QueryWeight
from smart_routing.protocol import HEADER_DEADLINE_MS, HEADER_MODEL_VERSION, HEADER_TRANSACTION_ID
from smart_routing.request import Request
from smart_routing.routing import RoutingDecision


class SessionProperties(msgspec.Struct, frozen=True):
    """The two session properties that a decision rests on."""

    catalog: str | None = None
    schema: str | None = None


class RouteBody(msgspec.Struct, frozen=True, rename="camel"):
    """The body of a request; fields that are not listed here are ignored."""

    query_id: str
    user: str
    sql_text: str
    source: str | None = None
    session_properties: SessionProperties | None = None
    submitted_at: datetime | None = None

    def request(self, *, in_transaction: bool, now: datetime) -> Request:
        """`now` stands in for a missing `submittedAt`; raises `RequestError` for one that UTC does not have."""
        session = self.session_properties or SessionProperties()
        return Request(
            query_id=self.query_id,
            sql=self.sql_text,
            user=self.user,
            submitted_at=_utc(self.submitted_at or now),
            source=self.source,
            catalog=session.catalog,
            schema=session.schema,
            in_transaction=in_transaction,
        )


def _utc(moment: datetime) -> datetime:
    """In UTC, which one without a time zone is taken for; raises `RequestError` beyond the years 1 to 9999."""
    try:
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except OverflowError as error:
        raise RequestError(f"submittedAt is {moment}: expected a time whose year in UTC is 1 to 9999") from error


class RouteReply(msgspec.Struct, frozen=True, rename="camel"):
    """The reply; scores and threshold are null where no model decided."""

    query_id: str
    decision: QueryWeight
    target_cluster: str
    model_version: str | None
    model_score: float | None
    heavy_probability: float | None
    threshold: float | None
    reason: str
    feature_schema: str
    history_snapshot: str | None


@dataclass(frozen=True, slots=True)
class RoutingGroups:
    """The configured name of the group for each weight."""

    small: str
    large: str

    def of(self, weight: QueryWeight) -> str:
        return self.small if weight == QueryWeight.LIGHT else self.large


@dataclass(frozen=True, slots=True)
class RouteHeaders:
    """What the headers of a request say; `budget_ms` may be zero or less where the caller is late already."""

    pin: str | None
    budget_ms: float
    in_transaction: bool


_decoder = msgspec.json.Decoder(RouteBody)
_encoder = msgspec.json.Encoder()


def read_body(content: bytes) -> RouteBody:
    """Raises `RequestError` for a body that is not the contract."""
    try:
        return _decoder.decode(content)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise RequestError(f"body is not a routing request: {error}") from error


def query_id_of(content: bytes) -> str | None:
    """The query id of a body that is not the contract, where it has one all the same."""
    with suppress(msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        document = msgspec.json.decode(content)
        found = document.get("queryId") if isinstance(document, dict) else None
        return found if isinstance(found, str) else None
    return None


def read_headers(headers: Mapping[str, str], *, default_budget_ms: float) -> RouteHeaders:
    """Raises `RequestError` for a deadline that is no number."""
    return RouteHeaders(
        pin=headers.get(HEADER_MODEL_VERSION) or None,
        budget_ms=_budget(headers.get(HEADER_DEADLINE_MS), default_budget_ms),
        in_transaction=in_transaction(headers),
    )


def in_transaction(headers: Mapping[str, str]) -> bool:
    """Whether the client names a live transaction."""
    return headers.get(HEADER_TRANSACTION_ID, "none").strip().lower() not in ("none", "")


def _budget(header: str | None, default: float) -> float:
    if header is None:
        return default
    try:
        budget = float(header)
    except ValueError:
        budget = math.nan
    if not math.isfinite(budget):
        raise RequestError(f"{HEADER_DEADLINE_MS} is {header[:40]!r}: expected a number of milliseconds")
    return budget


def reply_bytes(query_id: str, decision: RoutingDecision, groups: RoutingGroups) -> bytes:
    reply = RouteReply(
        query_id=query_id,
        decision=decision.weight,
        target_cluster=groups.of(decision.weight),
        model_version=decision.model_version,
        model_score=decision.score,
        heavy_probability=decision.heavy_probability,
        threshold=decision.threshold,
        reason=decision.reason,
        feature_schema=SCHEMA_HASH,
        history_snapshot=decision.history_snapshot,
    )
    return _encoder.encode(reply)


def error_bytes(message: str, query_id: str | None) -> bytes:
    return _encoder.encode({"error": message, "queryId": query_id})
