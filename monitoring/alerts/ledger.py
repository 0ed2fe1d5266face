"""`Ledger`: what was told where and when, so that nothing is told twice, not even by two processes at once."""

import fcntl
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Final

import msgspec

from monitoring.alerts.alert import Alert, AlertKind
from smart_routing.logs import log_event
from smart_routing.whole_file import replace_file

_log = logging.getLogger(__name__)

HOUR: Final = timedelta(hours=1)


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """One alert in one channel."""

    at: datetime
    channel: str
    kind: AlertKind
    model_version: str
    signals: tuple[str, ...]
    tenants: tuple[str, ...]
    pending: bool = False

    def covers(self, alert: Alert) -> bool:
        """Whether who knows this knows the alert: the same version, nothing worse or done, no signal or tenant more."""
        return (
            self.model_version == alert.model_version
            and self.pending <= alert.pending
            and self.kind.rank >= alert.kind.rank
            and set(self.signals) >= set(alert.signals)
            and set(self.tenants) >= set(alert.tenants)
        )


class Answer(StrEnum):
    """Whether an alert is to be told."""

    TELL = "tell"
    TOLD_BEFORE = "told before"
    HELD_BACK = "held back"


class Ledger:
    """A JSON file. An alert is entered *before* it is sent and taken out only when it surely did not arrive.

    So it is told at most once: who dies in between leaves it entered. Processes take turns by a lock beside the file.
    Every call raises `OSError` where the folder cannot be written.
    """

    def __init__(self, file: Path, *, repeat: timedelta, most_an_hour: int) -> None:
        self._file = file
        self._repeat = repeat
        self._most_an_hour = most_an_hour

    def enter(self, alert: Alert, channel: str, *, now: datetime) -> Answer:
        """Enter the alert, if it is to be told in this channel."""
        with self._alone():
            entries = [entry for entry in self._read() if entry.at > now - max(self._repeat, HOUR)]
            here = [entry for entry in entries if entry.channel == channel]
            if any(entry.covers(alert) for entry in here if entry.at > now - self._repeat):
                return Answer.TOLD_BEFORE
            lately = sum(entry.at > now - HOUR for entry in here)
            if lately >= self._most_an_hour and alert.kind != AlertKind.ROLLBACK:
                return Answer.HELD_BACK
            self._write([*entries, _entry(alert, channel, at=now)])
            return Answer.TELL

    def withdraw(self, alert: Alert, channel: str, *, entered: datetime) -> None:
        """Take out what was entered at that moment and surely not told."""
        with self._alone():
            mine = _entry(alert, channel, at=entered)
            self._write([entry for entry in self._read() if entry != mine])

    def _read(self) -> list[Told]:
        try:
            return msgspec.json.decode(self._file.read_bytes(), type=list[Told])
        except FileNotFoundError:
            return []
        except msgspec.MsgspecError as error:
            log_event(_log, "alert_ledger_unreadable", level=logging.ERROR, reason=str(error))
            return []

    def _write(self, entries: list[Told]) -> None:
        replace_file(self._file, msgspec.json.encode(entries))

    @contextmanager
    def _alone(self) -> Iterator[None]:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        with self._file.with_suffix(".lock").open("a") as handle:
            fcntl.flock(handle.fileno(), fcntl.LOCK_EX)
            yield


def _entry(alert: Alert, channel: str, *, at: datetime) -> Told:
    return Told(
        at=at,
        channel=channel,
        kind=alert.kind,
        model_version=alert.model_version,
        signals=alert.signals,
        tenants=alert.tenants,
        pending=alert.pending,
    )
