"""The admin port's paths of the known-heavy list: see it, add a template, remove one."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Final

import msgspec
from fastapi import APIRouter, Request, Response

from serving.http.body import read_bounded
from smart_routing.errors import RequestError, UnknownTemplateError
from smart_routing.known_heavy.entries import Fingerprint, KnownHeavyEntry, SessionTemplate, session_template
from smart_routing.known_heavy.store import KnownHeavyStore
from smart_routing.logs import log_event
from smart_routing.protocol import KNOWN_HEAVY_PATH
from smart_routing.request import Request as Statement

_log = logging.getLogger(__name__)

MANUAL: Final = "manual"
MAX_BODY_BYTES: Final = 2**20


class Order(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """What to add: a statement, or the fingerprint of its template, and the session's catalog and schema."""

    sql: str | None = None
    template: Fingerprint | None = None
    catalog: str | None = None
    schema: str | None = None
    ttl_hours: Annotated[float, msgspec.Meta(gt=0, le=8760)] | None = None
    note: Annotated[str, msgspec.Meta(max_length=200)] = ""

    def key(self, *, now: datetime) -> SessionTemplate:
        """Raises `RequestError` for an order that names no template."""
        if (self.sql is None) == (self.template is None):
            raise RequestError("the order is to have either sql or template, and not both")
        statement = Statement(
            query_id="", sql=self.sql or "", user="", submitted_at=now, catalog=self.catalog, schema=self.schema
        )
        if self.template is not None:
            return SessionTemplate.of(self.template, statement)
        found = session_template(statement)
        if found is None:
            raise RequestError("sql is over the parse caps or has no tokens: expected a statement within them")
        return found


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """The list, those that expire first first."""

    entries: list[KnownHeavyEntry]


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownHeavyDesk:
    """What operators do with the list; every method may wait for the store, and raises `KnownHeavyError` with it."""

    store: KnownHeavyStore
    ttl: timedelta
    clock: Callable[[], datetime]

    def listing(self) -> bytes:
        now = self.clock()
        return msgspec.json.encode(Listing(entries=[one for one in self.store.entries() if now < one.expires_at]))

    def add(self, content: bytes) -> bytes:
        """The entry that the order in `content` has made; raises `RequestError`."""
        now, order = self.clock(), _order(content)
        key = order.key(now=now)
        ttl = self.ttl if order.ttl_hours is None else timedelta(hours=order.ttl_hours)
        entry = KnownHeavyEntry(
            template=key.fingerprint,
            catalog=key.catalog,
            schema=key.schema,
            reason=MANUAL,
            added_at=now,
            expires_at=now + ttl,
            note=order.note,
        )
        self.store.add([entry], now=now)
        _report("known_heavy_added", key)
        return msgspec.json.encode(entry)

    def remove(self, key: SessionTemplate) -> None:
        """Raises `UnknownTemplateError` for a template that is not there."""
        if not self.store.remove(key):
            where = f"catalog {key.catalog or 'none'}, schema {key.schema or 'none'}"
            raise UnknownTemplateError(f"template {key.fingerprint} ({where}) is not in the known-heavy list")
        _report("known_heavy_removed", key)


def known_heavy_routes(desk: KnownHeavyDesk) -> APIRouter:
    """GET and POST /v1/known-heavy, DELETE /v1/known-heavy/{template}?catalog=...&schema=..."""
    routes = APIRouter()

    @routes.get(KNOWN_HEAVY_PATH)
    async def listing() -> Response:
        return Response(await asyncio.to_thread(desk.listing), media_type="application/json")

    @routes.post(KNOWN_HEAVY_PATH)
    async def add(request: Request) -> Response:
        content = await read_bounded(request, max_bytes=MAX_BODY_BYTES)
        return Response(await asyncio.to_thread(desk.add, content), 201, media_type="application/json")

    @routes.delete(f"{KNOWN_HEAVY_PATH}/{{template}}")
    async def remove(template: str, catalog: str = "", schema: str = "") -> Response:
        await asyncio.to_thread(desk.remove, SessionTemplate(template, catalog or None, schema or None))
        return Response(status_code=204)

    return routes


def _order(content: bytes) -> Order:
    try:
        return msgspec.json.decode(content, type=Order)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise RequestError(f"body is no order for the known-heavy list: {error}") from error


def _report(event: str, key: SessionTemplate) -> None:
    log_event(_log, event, template=key.fingerprint, catalog=key.catalog, schema=key.schema)
