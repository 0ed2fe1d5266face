"""`KnownHeavy`: templates that failed for size before, and are sent to the large cluster without asking the model."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Annotated, Final, Self

import msgspec

from smart_routing.features.statement import template_tokens
from smart_routing.querylog.anonymize import template_fingerprint
from smart_routing.request import Request

Fingerprint = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{16}$")]
Instant = Annotated[datetime, msgspec.Meta(tz=True)]


class SessionTemplate(msgspec.Struct, frozen=True):
    """A template by its fingerprint, in the catalog and schema that its unqualified names are of."""

    fingerprint: Fingerprint
    catalog: str | None = None
    schema: str | None = None

    @classmethod
    def of(cls, fingerprint: str, request: Request) -> Self:
        """The template of `request`, whose fingerprint is known; a blank catalog or schema is none."""
        return cls(fingerprint, request.catalog or None, request.schema or None)


def session_template(request: Request) -> SessionTemplate | None:
    """The template of `request`; None for a statement over the parse caps, or without tokens to know it by."""
    tokens = template_tokens(request.sql)
    return None if tokens is None else SessionTemplate.of(template_fingerprint(tokens), request)


class KnownHeavyEntry(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One template of the list, as it is stored and shown; `reason` is Trino's error code, or `manual`."""

    template: Fingerprint
    catalog: str | None = None
    schema: str | None = None
    reason: str
    query_id: str | None = None
    added_at: Instant
    expires_at: Instant
    note: str = ""

    @property
    def key(self) -> SessionTemplate:
        return SessionTemplate(self.template, self.catalog, self.schema)


@dataclass(frozen=True, slots=True)
class KnownHeavy:
    """What of the list is in force, until `valid_until`, when its next entry expires.

    Equal sets of templates have the same `generation`, 12 hex digits.
    """

    templates: frozenset[SessionTemplate]
    generation: str
    valid_until: datetime | None = None

    @classmethod
    def of(cls, templates: Iterable[SessionTemplate], *, valid_until: datetime | None = None) -> Self:
        known = frozenset(templates)
        content = b"\n".join(sorted(map(msgspec.json.encode, known)))
        return cls(known, blake2b(content, digest_size=6).hexdigest(), valid_until)

    @classmethod
    def at(cls, now: datetime, entries: Iterable[KnownHeavyEntry]) -> Self:
        """What of `entries` has not expired at `now`."""
        alive = [entry for entry in entries if now < entry.expires_at]
        ends = min((entry.expires_at for entry in alive), default=None)
        return cls.of((entry.key for entry in alive), valid_until=ends)

    def __contains__(self, template: SessionTemplate) -> bool:
        return template in self.templates


NOTHING_KNOWN: Final = KnownHeavy.of(())
