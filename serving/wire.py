"""What POST /v1/route carries beside its body: the headers it minds and the reply it gives."""

import math
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import msgspec

from serving.http.headers import Headers, header_name, text
from smart_routing.errors import RequestError
from smart_routing.features.schema import SCHEMA_HASH
from smart_routing.labels import QueryWeight
from smart_routing.protocol import HEADER_DEADLINE_MS, HEADER_MODEL_VERSION, HEADER_TRANSACTION_ID
from smart_routing.route_body import Name, in_transaction
from smart_routing.routing import RoutingDecision


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


class ErrorReply(msgspec.Struct, frozen=True, rename="camel"):
    """The reply where there is no decision."""

    error: str
    query_id: str | None


class _Identified(msgspec.Struct, frozen=True, rename="camel"):
    query_id: Name


class RouteHeaders(msgspec.Struct, frozen=True):
    """What the headers of a request say; `budget_ms` may be zero or less where the caller is late already."""

    pin: str | None
    budget_ms: float
    in_transaction: bool


MAX_SEARCHED_BYTES: Final = 2**20
"""Of a body that is not the contract: it has cost one pass already."""

_encoder = msgspec.json.Encoder()
_identified = msgspec.json.Decoder(_Identified)
_PIN = header_name(HEADER_MODEL_VERSION)
_DEADLINE = header_name(HEADER_DEADLINE_MS)
_TRANSACTION = header_name(HEADER_TRANSACTION_ID)


def query_id_of(content: bytes) -> str | None:
    """The query id of a body that is not the contract, where it has one all the same."""
    if len(content) > MAX_SEARCHED_BYTES:
        return None
    with suppress(msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _identified.decode(content).query_id
    return None


def read_headers(headers: Headers, *, default_budget_ms: float) -> RouteHeaders:
    """Raises `RequestError` for a deadline that is no number."""
    return RouteHeaders(
        pin=(text(headers, _PIN) or "").strip() or None,
        budget_ms=_budget(text(headers, _DEADLINE), default_budget_ms),
        in_transaction=names_transaction(headers),
    )


def names_transaction(headers: Headers) -> bool:
    """Whether the client names a live transaction."""
    return in_transaction(text(headers, _TRANSACTION))


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
    return _encoder.encode(ErrorReply(message, query_id))
