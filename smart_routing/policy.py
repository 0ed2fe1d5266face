"""`Policy`: what operators have ordered, read from one small JSON file that may change while the router runs."""

from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Annotated, Final

import msgspec

from smart_routing.errors import SettingsError
from smart_routing.labels import QueryWeight
from smart_routing.policy_store import PolicyStore
from smart_routing.protocol import KNOWN_HEAVY_PATH
from smart_routing.request import Request
from smart_routing.rollout import FULL_ROLLOUT, Rollout

Instant = Annotated[datetime, msgspec.Meta(tz=True)]

_KNOWN_HEAVY_MOVED: Final = f"; that list is in SMART_ROUTING_KNOWN_HEAVY_STORE, edited at {KNOWN_HEAVY_PATH}"


class Match(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Request fields and the values they must have, exactly; at least one is named."""

    user: str | None = None
    source: str | None = None
    catalog: str | None = None
    schema: str | None = None

    def __post_init__(self) -> None:
        if all(getattr(self, field) is None for field in self.__struct_fields__):
            raise ValueError(f"a match names no field: expected one or more of {', '.join(self.__struct_fields__)}")

    def meets(self, request: Request) -> bool:
        return (
            (self.user is None or self.user == request.user)
            and (self.source is None or self.source == request.source)
            and (self.catalog is None or self.catalog == request.catalog)
            and (self.schema is None or self.schema == request.schema)
        )


class Override(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Statements that match are given this weight, whatever the model would say; `note` tells who wanted it and why."""

    match: Match
    decision: QueryWeight
    expires_at: Instant | None = None
    note: str = ""


class PolicyDocument(Rollout, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The file as it stands on disk; the fields of its `Rollout` are on its top level."""

    revision: Annotated[int, msgspec.Meta(ge=1)]
    overrides: tuple[Override, ...] = ()

    @property
    def rollout(self) -> Rollout:
        return Rollout(**{name: getattr(self, name) for name in Rollout.__struct_fields__})


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The part of a policy file that is in force, until `valid_until`, when its next entry expires.

    `revision` is `<number in the file>-<6 hex>`: two policies of one revision decide alike.
    """

    revision: str
    overrides: tuple[Override, ...]
    rollout: Rollout = FULL_ROLLOUT
    valid_until: datetime | None = None

    def override_for(self, request: Request) -> Override | None:
        """The first override of the file that the request meets."""
        return next((override for override in self.overrides if override.match.meets(request)), None)


NO_POLICY: Final = Policy(revision="0-000000", overrides=())


def parse_policy(content: bytes, *, source: str) -> PolicyDocument:
    """Raises `SettingsError`, which names `source` and what is wrong, for anything but a policy document."""
    try:
        return msgspec.json.decode(content, type=PolicyDocument)
    except msgspec.MsgspecError as error:
        moved = _KNOWN_HEAVY_MOVED if "`known_heavy`" in str(error) else ""
        raise SettingsError(f"policy file {source} cannot be used: {error}{moved}") from error


def policy_in_force(document: PolicyDocument, *, now: datetime) -> Policy:
    """What of `document` has not expired at `now`."""
    overrides = tuple(entry for entry in document.overrides if _alive(entry.expires_at, now))
    digest = blake2b(msgspec.json.encode((overrides, document.rollout)), digest_size=3).hexdigest()
    return Policy(
        revision=f"{document.revision}-{digest}",
        overrides=overrides,
        rollout=document.rollout,
        valid_until=min((entry.expires_at for entry in overrides if entry.expires_at is not None), default=None),
    )


def _alive(expires_at: datetime | None, now: datetime) -> bool:
    return expires_at is None or now < expires_at


class PolicyFile:
    """Follows one policy file. One that cannot be used, or reached, leaves what was in force before."""

    def __init__(self, store: PolicyStore) -> None:
        self._store = store
        self._tag: str | None = None
        self._complaint: str | None = None
        self._refused: str | None = None
        self._document: PolicyDocument | None = None
        self._policy = NO_POLICY

    @property
    def complaint(self) -> str | None:
        """Why the file could not be used at the last look, if it could not."""
        return self._complaint

    def poll(self, *, now: datetime) -> Policy:
        """The policy in force at `now`; the same object as long as nothing changes.

        Raises `SettingsError` once for each state of the file that cannot be used; `in_force` still goes on then.
        """
        try:
            self._follow(now)
        except SettingsError as error:
            if str(error) != self._complaint:
                self._complaint = str(error)
                raise
        else:
            self._complaint = None
        return self.in_force(now=now)

    def in_force(self, *, now: datetime) -> Policy:
        """What was last read, less what has expired since."""
        ends = self._policy.valid_until
        if self._document is not None and ends is not None and now >= ends:
            self._policy = policy_in_force(self._document, now=now)
        return self._policy

    def _follow(self, now: datetime) -> None:
        if self._tag is not None and self._store.tag() == self._tag:
            if self._refused is not None:
                raise SettingsError(self._refused)
            return
        found = self._store.read()
        if found is None:
            raise SettingsError(f"policy file {self._store} cannot be read: there is none")
        self._tag, self._refused = found.tag, None
        try:
            self._document = parse_policy(found.content, source=str(self._store))
        except SettingsError as error:
            self._refused = str(error)
            raise
        self._policy = policy_in_force(self._document, now=now)
