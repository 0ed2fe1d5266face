"""`Window`: the stretch of time that a report looks at, and how the command line spells it."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Self

from smart_routing.errors import InputError

NOW: Final = "now"
CLOCKS_APART: Final = timedelta(hours=1)
"""How far the clocks of routers, clusters and flows may differ: so much is read on both sides of a window."""

_LENGTH: Final = re.compile(r"([1-9][0-9]{0,4})([mhd])")
_UNITS: Final = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}


@dataclass(frozen=True, slots=True)
class Window:
    """Statements submitted in [start, end), both in UTC."""

    start: datetime
    end: datetime

    @classmethod
    def before(cls, end: datetime, length: timedelta) -> Self:
        return cls((end - length).astimezone(UTC), end.astimezone(UTC))

    def __str__(self) -> str:
        return f"{self.start:%Y-%m-%d %H:%M} to {self.end:%Y-%m-%d %H:%M} UTC"


def read_window(as_of: str | None, length: str, *, now: datetime) -> Window:
    """The window of `length` (24h, 90m, 7d) before `as_of`: ISO 8601 (UTC where it has no zone), "now" or None.

    Raises `InputError` that names the option and what it takes.
    """
    try:
        return Window.before(now if as_of in (None, NOW) else _moment(str(as_of)), _length(length))
    except OverflowError as error:
        raise InputError(f"--window {length!r} before --as-of {as_of!r} begins before the year 1") from error


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise InputError(f"--as-of is {text!r}: expected a time like 2026-10-10T00:00:00+00:00") from error
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def _length(text: str) -> timedelta:
    found = _LENGTH.fullmatch(text)
    if found is None:
        raise InputError(f"--window is {text!r}: expected a whole number and m, h or d, like 24h")
    return int(found[1]) * _UNITS[found[2]]
