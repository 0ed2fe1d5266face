"""Telling an alert in every channel, once; whatever a channel does, it ends in time and without an error."""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, Protocol

from monitoring.alerts.alert import Alert
from monitoring.alerts.ledger import Answer, Ledger
from smart_routing.errors import NotificationError, NotificationRefusedError, NotificationUnknownError
from smart_routing.logs import log_event

_log = logging.getLogger(__name__)


class Notifier(Protocol):
    """A channel."""

    @property
    def name(self) -> str: ...

    def send(self, alert: Alert) -> None:
        """Raises `NotificationError`: one of its kinds says whether to try again."""
        ...


class Outcome(StrEnum):
    """What became of an alert in one channel."""

    TOLD = "told"
    TOLD_BEFORE = "told before"
    HELD_BACK = "held back"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Delivery:
    """An alert in one channel; `problem` says why it may not have arrived."""

    channel: str
    outcome: Outcome
    problem: str = ""

    def __str__(self) -> str:
        return f"{self.channel}: {self.outcome}{f' ({self.problem})' if self.problem else ''}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How often a message is tried, and the seconds before the second time, which double each time."""

    attempts: int
    backoff_seconds: float
    sleep: Callable[[float], None]


_ANSWERS: Final = {Answer.TOLD_BEFORE: Outcome.TOLD_BEFORE, Answer.HELD_BACK: Outcome.HELD_BACK}


def tell(
    alert: Alert, notifiers: Iterable[Notifier], *, ledger: Ledger, patience: Patience, now: datetime
) -> tuple[Delivery, ...]:
    """Tell it in each channel that does not know it yet; never raises."""
    return tuple(_told(alert, notifier, ledger=ledger, patience=patience, now=now) for notifier in notifiers)


def _told(alert: Alert, notifier: Notifier, *, ledger: Ledger, patience: Patience, now: datetime) -> Delivery:
    try:
        delivery = _deliver(alert, notifier, ledger=ledger, patience=patience, now=now)
    except Exception as error:  # a mistake of ours in a message must not stop the flow that found something
        _log.exception("alert in %s", notifier.name)
        delivery = Delivery(notifier.name, Outcome.FAILED, type(error).__name__)
    log_event(_log, "alert", channel=delivery.channel, outcome=delivery.outcome, reason=delivery.problem)
    return delivery


def _deliver(alert: Alert, notifier: Notifier, *, ledger: Ledger, patience: Patience, now: datetime) -> Delivery:
    answer = _entered(alert, notifier.name, ledger=ledger, now=now)
    if answer in _ANSWERS:
        return Delivery(notifier.name, _ANSWERS[answer])
    delivery = _sent(alert, notifier, patience)
    if delivery.outcome == Outcome.FAILED:
        _withdraw(alert, notifier.name, ledger=ledger, entered=now)
    return delivery


def _entered(alert: Alert, channel: str, *, ledger: Ledger, now: datetime) -> Answer:
    """Without a ledger people are told: rather twice than not at all."""
    try:
        return ledger.enter(alert, channel, now=now)
    except OSError as error:
        log_event(_log, "alert_ledger_failed", level=logging.ERROR, reason=error.strerror)
        return Answer.TELL


def _withdraw(alert: Alert, channel: str, *, ledger: Ledger, entered: datetime) -> None:
    try:
        ledger.withdraw(alert, channel, entered=entered)
    except OSError as error:
        log_event(_log, "alert_ledger_failed", level=logging.ERROR, reason=error.strerror)


def _sent(alert: Alert, notifier: Notifier, patience: Patience) -> Delivery:
    """What surely did not arrive is tried again; what may have arrived is not."""
    problem = ""
    for attempt in range(patience.attempts):
        if attempt:
            patience.sleep(patience.backoff_seconds * 2 ** (attempt - 1))
        try:
            notifier.send(alert)
        except NotificationUnknownError as error:
            return Delivery(notifier.name, Outcome.UNKNOWN, str(error))
        except NotificationRefusedError as error:
            return Delivery(notifier.name, Outcome.FAILED, str(error))
        except NotificationError as error:
            problem = str(error)
        else:
            return Delivery(notifier.name, Outcome.TOLD)
    return Delivery(notifier.name, Outcome.FAILED, f"{problem}; tried {patience.attempts} times")
