"""Changing the policy file: one order makes one revision, and one line in the history beside it."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO

import msgspec
from msgspec.structs import replace

from smart_routing.errors import SettingsError
from smart_routing.policy import Match, Override, PolicyDocument, parse_policy
from smart_routing.rollout import RouterMode
from smart_routing.whole_file import replace_file


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


class PolicyOrder(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the history: who changed what, when and why."""

    time: datetime
    by: str
    reason: str | None
    revision: int
    changes: tuple[str, ...]


def change_policy_file(
    path: Path, change: PolicyChange, *, by: str, now: datetime, reason: str | None
) -> PolicyDocument:
    """Apply `change` to the file at `path`, which is made where it is missing; returns what it then says.

    Readers see the old file or the new one, whole. Orders wait for each other. Raises `SettingsError`, and changes
    nothing then.
    """
    with _history(path) as history:
        before = _read(path)
        after = replace(change.applied(before, now=now), revision=before.revision + 1)
        order = PolicyOrder(time=now, by=by, reason=reason, revision=after.revision, changes=change.told())
        try:
            replace_file(path, msgspec.json.format(msgspec.json.encode(after), indent=2) + b"\n")
            history.write(msgspec.json.encode(order) + b"\n")
        except OSError as error:
            raise SettingsError(f"policy file {path} cannot be written: {error.strerror}") from error
    return after


def history_of(path: Path) -> Path:
    """The history beside a policy file, JSON Lines of `PolicyOrder`."""
    return path.with_name(f"{path.name}.history.jsonl")


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


@contextmanager
def _history(path: Path) -> Iterator[IO[bytes]]:
    """The history, open to be written to by nobody else."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = history_of(path).open("ab")
    except OSError as error:
        raise SettingsError(f"policy history {history_of(path)} cannot be written: {error.strerror}") from error
    with file:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX)
        yield file


def _read(path: Path) -> PolicyDocument:
    """The file's content; where there is none, a policy that orders nothing, one revision before the first."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return PolicyDocument(revision=0)
    except OSError as error:
        raise SettingsError(f"policy file {path} cannot be read: {error.strerror}") from error
    return parse_policy(content, source=str(path))
