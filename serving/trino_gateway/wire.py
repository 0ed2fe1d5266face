"""What trino-gateway's external router contract carries: the body of release 20 and the reply it takes."""

from datetime import datetime
from typing import Final

import msgspec

from serving.http.headers import Headers, header_name, text
from serving.wire import names_transaction
from smart_routing.errors import RequestError
from smart_routing.features.statement import StatementKind
from smart_routing.protocol import (
    HEADER_CATALOG,
    HEADER_ROUTING_GROUP,
    HEADER_SCHEMA,
    HEADER_SOURCE,
    HEADER_TRACE_TOKEN,
    HEADER_USER,
)
from smart_routing.request import MAX_NAME_LENGTH, Request

NO_GROUP: Final = b'{"routingGroup":null}'
"""Leaves the request to the gateway's default group."""


class QueryProperties(msgspec.Struct, frozen=True, rename="camel"):
    """What the gateway's own parser found; the types are "" where it found nothing.

    Without a word on it, a request is taken for a new query: one too many goes to large.
    """

    body: str | None = None
    query_type: str | None = None
    resource_group_query_type: str | None = None
    default_catalog: str | None = None
    default_schema: str | None = None
    is_new_query_submission: bool = True

    def kind(self) -> StatementKind | None:
        """The kind by the gateway's types; None where they do not tell."""
        return _statement_kind(self.query_type or "", self.resource_group_query_type or "")


class RequestUser(msgspec.Struct, frozen=True):
    """Who the gateway takes the client for."""

    user: str | None = None


class GatewayBody(msgspec.Struct, frozen=True, rename="camel"):
    """The body of a request; fields that are not listed here are ignored."""

    trino_query_properties: QueryProperties
    trino_request_user: RequestUser | None = None

    def request(self, headers: Headers, *, decision_id: str, now: datetime) -> Request:
        """The statement; `decision_id` stands in for the query id that it does not have yet.

        Raises `RequestError` for a name that is too long.
        """
        query, user = self.trino_query_properties, self.trino_request_user or RequestUser()
        return Request(
            query_id=decision_id,
            sql=query.body or "",
            user=_name(_USER, user.user, headers) or "",
            submitted_at=now,
            source=_name(_SOURCE, None, headers),
            catalog=_name(_CATALOG, query.default_catalog, headers),
            schema=_name(_SCHEMA, query.default_schema, headers),
            in_transaction=names_transaction(headers),
            gateway_kind=query.kind(),
        )


class GatewayReply(msgspec.Struct, frozen=True, rename="camel"):
    """The reply; no group leaves the statement to the gateway's default group, and headers are set all the same."""

    routing_group: str | None
    errors: tuple[str, ...] = ()
    external_headers: dict[str, str] = {}

    def to_bytes(self) -> bytes:
        return _encoder.encode(self)


_USER: Final = header_name(HEADER_USER)
_SOURCE: Final = header_name(HEADER_SOURCE)
_CATALOG: Final = header_name(HEADER_CATALOG)
_SCHEMA: Final = header_name(HEADER_SCHEMA)
_TRACE_TOKEN: Final = header_name(HEADER_TRACE_TOKEN)
_ROUTING_GROUP: Final = header_name(HEADER_ROUTING_GROUP)

_decoder: Final = msgspec.json.Decoder(GatewayBody)
_encoder: Final = msgspec.json.Encoder()

_SESSION_STATEMENTS: Final = frozenset(
    {
        "Use", "Prepare", "Deallocate", "SetSession", "ResetSession", "SetPath", "SetRole", "SetTimeZone",
        "SetSessionAuthorization", "ResetSessionAuthorization",
    }
)  # fmt: skip
_TRANSACTION: Final = frozenset({"StartTransaction", "Commit", "Rollback"})
_METADATA: Final = frozenset({"DESCRIBE", "EXPLAIN"})
_WRITE: Final = frozenset({"INSERT", "DELETE", "UPDATE", "MERGE", "ANALYZE", "ALTER_TABLE_EXECUTE", "DATA_DEFINITION"})


def read_gateway_body(content: bytes) -> GatewayBody:
    """Raises `RequestError` for a body that is not the contract."""
    try:
        return _decoder.decode(content)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise RequestError(f"body is not trino-gateway's: {error}") from error


def trace_token(headers: Headers) -> str | None:
    """The client's own; raises `RequestError` for one that is too long."""
    return _name(_TRACE_TOKEN, None, headers)


def client_group(headers: Headers) -> str | None:
    """The routing group that the client wants."""
    return text(headers, _ROUTING_GROUP) or None


def _name(header: bytes, told: str | None, headers: Headers) -> str | None:
    """What the gateway told, else the client's header."""
    name = told or text(headers, header) or None
    if name is not None and len(name) > MAX_NAME_LENGTH:
        raise RequestError(f"{header.decode()} has {len(name)} characters: expected at most {MAX_NAME_LENGTH}")
    return name


def _statement_kind(query_type: str, category: str) -> StatementKind | None:
    """Trino's own names: the class of the statement, and its category for resource groups.

    EXPLAIN ANALYZE is of the category SELECT whatever it runs, so only a plain query is one.
    """
    if query_type in _TRANSACTION:
        return StatementKind.TRANSACTION
    if query_type in _SESSION_STATEMENTS or category in _METADATA:
        return StatementKind.METADATA
    if category in _WRITE:
        return StatementKind.WRITE
    return StatementKind.QUERY if query_type == "Query" else None
