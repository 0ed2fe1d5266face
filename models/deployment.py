"""Which version serves: promote, rollback and reconcile as pure decisions over what the registry says."""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

from models.versions import TAG_PROMOTION_REASON, ModelVersion, RegisteredModel, ValidationStatus
from smart_routing import protocol
from smart_routing.errors import InputError

BY_CLICK: Final = "ui"
"""Who promoted a version whose alias was moved outside of this code."""


class Action(StrEnum):
    """What was asked for."""

    PROMOTE = "promote"
    ROLLBACK = "rollback"
    RECONCILE = "reconcile"


@dataclass(frozen=True, slots=True)
class SetAlias:
    """Point an alias at a version; `version` None removes the alias."""

    alias: str
    version: int | None


@dataclass(frozen=True, slots=True)
class SetTag:
    """Set a tag of a version; `value` None removes the tag."""

    version: int
    key: str
    value: str | None


@dataclass(frozen=True, slots=True)
class RecordServing:
    """Record on the registered model which version serves."""

    version: int


Write = SetAlias | SetTag | RecordServing


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Who asks for a change, when (timezone-aware) and why."""

    by: str
    at: datetime
    reason: str | None = None

    @property
    def moment(self) -> str:
        return self.at.astimezone(UTC).isoformat(timespec="microseconds")


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """What a decision comes to: the version that serves from now on, where a rollback would go, the version left."""

    action: Action
    changed: bool
    serving: int | None
    previous: int | None
    left: int | None = None
    by: str | None = None
    at: str | None = None
    reason: str | None = None
    warnings: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    def __str__(self) -> str:
        serving = "no version serves" if self.serving is None else f"version {self.serving} serves"
        left = f" in place of version {self.left}" if self.left is not None else ""
        who = f", by {self.by}" if self.changed and self.by else ", as before"
        return f"{self.action}: {serving}{left}{who}"


@dataclass(frozen=True, slots=True)
class Decision:
    """A deployment and the writes, in order, that bring it about.

    The alias moves before the record does, so that a crash in between looks like a click, which reconcile completes.
    """

    deployment: Deployment
    writes: tuple[Write, ...]


def promote(model: RegisteredModel, number: int, *, order: Order, force: bool = False) -> Decision:
    """Let a version serve. Call on a reconciled model.

    Raises `UnknownModelVersionError`, and `InputError` for a version that did not pass validation or is quarantined,
    unless forced with a reason; a forced promotion lifts the quarantine.
    """
    target = model.version(number)
    if force and not order.reason:
        raise InputError(f"promotion of version {number} is forced without a reason: expected --reason with --force")
    if number == model.recorded == model.aliased(protocol.ALIAS_PRODUCTION) and target.quarantined is None:
        return _decision(model, (), Deployment(action=Action.PROMOTE, changed=False, serving=number, previous=None))
    objection = _objection(target)
    if objection and not force:
        raise InputError(f"version {number} {objection}, or --force with a --reason")
    lift = (SetTag(number, protocol.TAG_QUARANTINED, None),) if target.quarantined is not None else ()
    return _serve(model, target, action=Action.PROMOTE, order=order, first=lift)


def rollback(model: RegisteredModel, *, order: Order) -> Decision:
    """Let the version serve again that served before, and quarantine the one left. Call on a reconciled model.

    Raises `InputError` where nothing serves or no version is left to go back to.
    """
    if model.recorded is None:
        raise InputError("nothing to roll back from: expected a version that serves (alias production)")
    target = rollback_target(model)
    if target is None:
        raise InputError(
            f"nothing to roll back to from version {model.recorded}: expected another version that served "
            "and is not quarantined"
        )
    return _serve(model, target, action=Action.ROLLBACK, order=order, first=_quarantine(model, model.recorded, order))


def reconcile(model: RegisteredModel, *, at: datetime) -> Decision:
    """Record what a person did to the alias by hand, if anything; a second look decides nothing.

    A click is obeyed whatever it lands on: a version that failed validation or is quarantined is worth a warning.
    """
    clicked = model.aliased(protocol.ALIAS_PRODUCTION, besides=model.recorded)
    if clicked is None or clicked == model.recorded:
        return _untouched(model, clicked)
    target = model.version(clicked)
    objection = _objection(target)
    decision = _serve(model, target, action=Action.RECONCILE, order=Order(by=BY_CLICK, at=at))
    warnings = (f"version {clicked} was promoted by hand and {objection}",) if objection else ()
    return replace(decision, deployment=replace(decision.deployment, warnings=warnings))


def rollback_target(model: RegisteredModel) -> ModelVersion | None:
    """The version that served last before the one that serves now, quarantined ones left out.

    What routers say they served counts; only where none of them says anything, what was promoted.
    """
    reported = any(version.served_at for version in model.versions)

    def moment(version: ModelVersion) -> str:
        return (version.served_at if reported else version.promoted_at) or ""

    served = [v for v in model.versions if moment(v) and v.quarantined is None and v.number != model.recorded]
    return max(served, key=lambda version: (moment(version), version.number), default=None)


def apply(model: RegisteredModel, writes: Iterable[Write]) -> RegisteredModel:
    """The model as the writes leave it."""
    for write in writes:
        model = _applied(model, write)
    return model


def _applied(model: RegisteredModel, write: Write) -> RegisteredModel:
    match write:
        case SetAlias(alias, number):
            others = {name: at for name, at in model.aliases.items() if name != alias}
            return replace(model, aliases=others if number is None else {**others, alias: number})
        case SetTag(number, key, value):
            tagged = (_tagged(v, key, value) if v.number == number else v for v in model.versions)
            return replace(model, versions=tuple(tagged))
        case RecordServing(number):
            return replace(model, recorded=number)


def _tagged(version: ModelVersion, key: str, value: str | None) -> ModelVersion:
    others = {name: text for name, text in version.tags.items() if name != key}
    return replace(version, tags=others if value is None else {**others, key: value})


def _objection(version: ModelVersion) -> str | None:
    if version.validation_status != ValidationStatus.PASSED:
        return f"has validation_status {version.validation_status}: expected passed"
    if version.quarantined is not None:
        return f"is quarantined ({version.quarantined}): expected one that is not"
    return None


def _serve(
    model: RegisteredModel, target: ModelVersion, *, action: Action, order: Order, first: Iterable[Write] = ()
) -> Decision:
    """Hand over to `target`: `first`, its alias, its record, and the end of the version that served."""
    left = model.recorded if model.recorded != target.number else None
    tags = {
        protocol.TAG_PROMOTED_AT: order.moment,
        protocol.TAG_PROMOTED_BY: order.by,
        TAG_PROMOTION_REASON: order.reason,
        protocol.TAG_RETIRED_AT: None,
    }
    writes: tuple[Write, ...] = (
        *first,
        SetAlias(protocol.ALIAS_PRODUCTION, target.number),
        *(SetTag(target.number, key, value) for key, value in tags.items() if value or key in target.tags),
        RecordServing(target.number),
        *(_existing(model, SetTag(left, protocol.TAG_RETIRED_AT, order.moment)) if left is not None else ()),
    )
    deployment = Deployment(
        action=action,
        changed=True,
        serving=target.number,
        previous=None,
        left=left,
        by=order.by,
        at=order.moment,
        reason=order.reason,
    )
    return _decision(model, writes, deployment)


def _untouched(model: RegisteredModel, production: int | None) -> Decision:
    """No click; a missing alias is worth a warning, because a router that starts now finds no model."""
    missing = production is None and model.recorded is not None
    warnings = (f"alias production was removed while version {model.recorded} serves",) if missing else ()
    deployment = Deployment(
        action=Action.RECONCILE, changed=False, serving=model.recorded, previous=None, warnings=warnings
    )
    return _decision(model, (), deployment)


def _decision(model: RegisteredModel, writes: tuple[Write, ...], deployment: Deployment) -> Decision:
    """Add what always holds: one spelling of `production`, and `previous` on the version a rollback would take."""
    after = apply(model, writes)
    target = rollback_target(after)
    previous = target.number if target else None
    tidy = (*_spellings(after, protocol.ALIAS_PRODUCTION, after.recorded), *_moved(after, previous))
    return Decision(replace(deployment, previous=previous), (*writes, *tidy))


def _spellings(model: RegisteredModel, alias: str, number: int | None) -> Iterator[Write]:
    """Leave of all spellings of an alias the canonical one, if it is set at all."""
    spelled = [name for name in model.aliases if name.casefold() == alias]
    if spelled and number is not None and model.aliases.get(alias) != number:
        yield SetAlias(alias, number)
    yield from (SetAlias(name, None) for name in spelled if name != alias)


def _moved(model: RegisteredModel, previous: int | None) -> Iterator[Write]:
    """`previous` where it belongs, if it is not there."""
    if model.aliases.get(protocol.ALIAS_PREVIOUS) != previous:
        yield SetAlias(protocol.ALIAS_PREVIOUS, previous)


def _quarantine(model: RegisteredModel, left: int, order: Order) -> tuple[Write, ...]:
    """Mark the version left, unless it is gone or was quarantined before: the first reason stays."""
    marked = {version.number for version in model.versions if version.quarantined is not None}
    reason = order.reason or f"rolled back by {order.by}"
    return () if left in marked else _existing(model, SetTag(left, protocol.TAG_QUARANTINED, reason))


def _existing(model: RegisteredModel, write: SetTag) -> tuple[Write, ...]:
    """The write, unless its version was deleted from the registry after it served."""
    return (write,) if any(version.number == write.version for version in model.versions) else ()
