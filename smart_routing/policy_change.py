"""Changing the policy file: one order makes one revision, and one entry in the history beside it."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import msgspec
from msgspec.structs import replace

from smart_routing.errors import SettingsError
from smart_routing.policy import Match, Override, PolicyDocument, parse_policy
from smart_routing.policy_store import PolicyOrder, PolicyStore
from smart_routing.rollout import RouterMode
from smart_routing.stored_file import StoredFile

_ATTEMPTS: Final = 32
_REVISION: Final = re.compile(rb'"revision"\s*:\s*(\d{1,15})\b')


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyChange:
    """What to change; what is None or empty stays as it is. An override replaces the one with the same match."""

    mode: RouterMode | None = None
    canary_share: float | None = None
    all_large: bool | None = None
    overrides: tuple[Override, ...] = ()
    removed: tuple[Match, ...] = ()

    def applied(self, document: PolicyDocument, *, now: datetime) -> PolicyDocument:
        """`document` with the change and without overrides that have expired; the revision is not counted up here.

        Raises `SettingsError` for an override to remove that is not there, and for a canary of nobody.
        """
        alive = [entry for entry in document.overrides if entry.expires_at is None or now < entry.expires_at]
        for match in self.removed:
            if all(entry.match != match for entry in document.overrides):
                raise SettingsError(f"no override of {match_text(match)}: expected one of {_listed(alive)}")
        gone = {*self.removed, *(entry.match for entry in self.overrides)}
        changed = replace(
            document,
            mode=self.mode or document.mode,
            canary_share=document.canary_share if self.canary_share is None else self.canary_share,
            all_large=document.all_large if self.all_large is None else self.all_large,
            overrides=(*self.overrides, *(entry for entry in alive if entry.match not in gone)),
        )
        if self.mode == RouterMode.CANARY and changed.canary_share == 0:
            raise SettingsError("a canary of 0 users: expected a share above 0")
        return changed

    def told(self) -> tuple[str, ...]:
        """Each part of the change in a few words."""
        parts = [f"mode={self.mode}"] if self.mode else []
        parts += [f"canary_share={self.canary_share:g}"] if self.canary_share is not None else []
        parts += [f"all_large={str(self.all_large).lower()}"] if self.all_large is not None else []
        parts += [f"override {override_text(entry)}" for entry in self.overrides]
        return (*parts, *(f"no override {match_text(match)}" for match in self.removed))


def change_policy(
    store: PolicyStore,
    change: PolicyChange,
    *,
    by: str,
    now: datetime,
    reason: str | None,
    replaces_unusable: bool = False,
) -> PolicyDocument:
    """Apply `change` to the policy file, which is made where it is missing; returns what it then says.

    An order that another one overtakes is applied to what that one left. With `replaces_unusable` a file that cannot be
    used counts as an empty policy, and a copy of it is kept. Raises `SettingsError`, and changes nothing then, unless
    the message says so.
    """
    for _ in range(_ATTEMPTS):
        stored = store.read()
        before = _document(stored, store, now=now, replaces_unusable=replaces_unusable)
        after = replace(change.applied(before, now=now), revision=before.revision + 1)
        order = PolicyOrder(time=now, by=by, reason=reason, revision=after.revision, changes=change.told())
        content = msgspec.json.format(msgspec.json.encode(after), indent=2) + b"\n"
        if store.replace(content, was=stored, order=order):
            return after
    raise SettingsError(f"policy file {store} was changed by others {_ATTEMPTS} times meanwhile: expected some quiet")


def _document(
    stored: StoredFile | None, store: PolicyStore, *, now: datetime, replaces_unusable: bool
) -> PolicyDocument:
    if stored is None:
        return PolicyDocument(revision=0)
    try:
        return parse_policy(stored.content, source=str(store))
    except SettingsError as error:
        if not replaces_unusable:
            raise SettingsError(f"{error}; --replace keeps a copy of it and starts from an empty policy") from error
    store.set_aside(stored, now=now)
    return PolicyDocument(revision=max(map(int, _REVISION.findall(stored.content)), default=0))


def match_text(match: Match) -> str:
    """user=etl, further fields behind commas."""
    fields = ((name, getattr(match, name)) for name in match.__struct_fields__)
    return ",".join(f"{name}={value}" for name, value in fields if value is not None)


def override_text(override: Override) -> str:
    """user=etl:heavy until 2026-10-05T14:00:00+00:00."""
    until = f" until {override.expires_at.isoformat(timespec='seconds')}" if override.expires_at else ""
    return f"{match_text(override.match)}:{override.decision}{until}"


def _listed(overrides: list[Override]) -> str:
    return "; ".join(match_text(entry.match) for entry in overrides) or "none"
