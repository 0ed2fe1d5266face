"""The OpenAPI document of the data port, from the very types that its bodies are read and written by."""

from typing import Any, Final

import msgspec

from serving.trino_gateway.wire import GatewayBody, GatewayReply
from serving.wire import ErrorReply, RouteReply
from smart_routing.protocol import (
    GATEWAY_ROUTE_PATH,
    HEADER_DEADLINE_MS,
    HEADER_MODEL_VERSION,
    HEADER_TRANSACTION_ID,
    ROUTE_PATH,
)
from smart_routing.route_body import RouteBody

Document = dict[str, Any]

_BODIES: Final = (RouteBody, RouteReply, ErrorReply, GatewayBody, GatewayReply)
_REF: Final = "#/components/schemas/{name}"
_HEADERS: Final = {
    HEADER_MODEL_VERSION: "Decide by this version, which must be loaded.",
    HEADER_DEADLINE_MS: "Milliseconds for the decision; out of time means heavy.",
    HEADER_TRANSACTION_ID: "Trino's; one that is live means heavy.",
}
_ERRORS: Final = {
    "400": "The body, or the deadline, is not the contract.",
    "404": "The version that the header names is not loaded.",
    "413": "The body has more than 4 MiB.",
    "500": "Not even a fallback could be formed.",
}


def describe(*, title: str, version: str) -> Document:
    """OpenAPI 3.1."""
    _, schemas = msgspec.json.schema_components(_BODIES, ref_template=_REF)
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": version},
        "paths": {
            ROUTE_PATH: {"post": _route()},
            GATEWAY_ROUTE_PATH: {"post": _route_for_gateway()},
            "/healthz": {"get": _probe("The process lives", "200")},
            "/readyz": {"get": _probe("A model is loaded and warm", "200", "503")},
        },
        "components": {"schemas": schemas},
    }


def _route() -> Document:
    version = {"description": "The version that decided.", "schema": {"type": "string"}}
    decided = {**_json("A decision, heavy in case of doubt.", RouteReply), "headers": {HEADER_MODEL_VERSION: version}}
    return {
        "summary": "Route a statement",
        "operationId": "route",
        "parameters": [_header(name, text) for name, text in _HEADERS.items()],
        "requestBody": {**_content(RouteBody), "required": True},
        "responses": {"200": decided, **{status: _json(text, ErrorReply) for status, text in _ERRORS.items()}},
    }


def _route_for_gateway() -> Document:
    return {
        "summary": "Route a statement for trino-gateway",
        "operationId": "routeForGateway",
        "requestBody": {**_content(GatewayBody), "required": True},
        "responses": {"200": _json("A routing group, or none; never an error.", GatewayReply)},
    }


def _probe(summary: str, *statuses: str) -> Document:
    text = {"text/plain": {"schema": {"type": "string"}}}
    return {"summary": summary, "responses": {status: {"description": summary, "content": text} for status in statuses}}


def _header(name: str, description: str) -> Document:
    return {"name": name, "in": "header", "description": description, "schema": {"type": "string"}}


def _json(description: str, body: type[msgspec.Struct]) -> Document:
    return {"description": description, **_content(body)}


def _content(body: type[msgspec.Struct]) -> Document:
    return {"content": {"application/json": {"schema": {"$ref": _REF.format(name=body.__name__)}}}}
