"""`Alert`: what people are told, whatever the channel."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Self

from monitoring.signals import Signal
from monitoring.window import Window

MOST_MOVED: Final = 3
_CERTAIN: Final = 1e-9
"""p-values below this rank alike, and the larger change comes first."""


class AlertKind(StrEnum):
    """What a verdict asks for, the lesser first."""

    ALERT = "alert"
    RETRAIN = "retrain"
    ROLLBACK = "rollback"

    @property
    def rank(self) -> int:
        return list(AlertKind).index(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """One of the signals that moved most; `reference` and `current` are in the unit that `sentence` says."""

    name: str
    sentence: str
    tenant: str | None = None
    reference: float | None = None
    current: float | None = None
    p_value: float = 1.0

    @classmethod
    def of(cls, signal: Signal) -> Self:
        return cls(
            name=signal.name,
            sentence=signal.sentence,
            tenant=signal.tenant,
            reference=signal.reference,
            current=signal.current,
            p_value=signal.p_value,
        )


@dataclass(frozen=True, slots=True)
class Link:
    """An address for people, and what is there."""

    title: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """A verdict for people. `model_version` is the suspect; `done` says in a sentence what was done already.

    `pending`: what the verdict calls for is still to be done, so that people hear once more when it is.

    Every text may hold names that tenants chose: a channel escapes them all.
    """

    kind: AlertKind
    model_version: str
    window: Window
    reason: str
    signals: tuple[str, ...] = ()
    tenants: tuple[str, ...] = ()
    moved: tuple[Moved, ...] = ()
    links: tuple[Link, ...] = ()
    done: str = ""
    pending: bool = False


def alert_of(
    kind: AlertKind,
    *,
    reason: str,
    signals: Iterable[Signal],
    tenants: Iterable[str],
    model_version: str,
    window: Window,
    moved: Iterable[Signal] | None = None,
    links: Iterable[Link] = (),
    done: str = "",
    pending: bool = False,
) -> Alert:
    """The alert of a verdict; `signals` are those that spoke, `moved` the few to be shown, None to choose them here."""
    spoke = tuple(signals)
    return Alert(
        kind=kind,
        model_version=model_version,
        window=window,
        reason=reason,
        signals=tuple(sorted({signal.name for signal in spoke})),
        tenants=tuple(sorted(set(tenants))),
        moved=moved_most(spoke) if moved is None else tuple(map(Moved.of, moved))[:MOST_MOVED],
        links=tuple(links),
        done=done,
        pending=pending,
    )


def moved_most(signals: Iterable[Signal]) -> tuple[Moved, ...]:
    """The three least likely by chance, the larger change first among equals; a name once, whoever it is about."""
    ranked = sorted(signals, key=lambda signal: (max(signal.p_value, _CERTAIN), -_change(signal), signal.name))
    first: dict[str, Signal] = {}
    for signal in ranked:
        first.setdefault(signal.name, signal)
    return tuple(Moved.of(signal) for signal in list(first.values())[:MOST_MOVED])


def _change(signal: Signal) -> float:
    """The difference as a part of the larger of both, 0 to 1 where they have one sign."""
    if signal.reference is None or signal.current is None:
        return 0.0
    largest = max(abs(signal.reference), abs(signal.current))
    return abs(signal.current - signal.reference) / largest if largest else 0.0
