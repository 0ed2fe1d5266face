"""Figures of a backtest as cells of a table."""

import math
from datetime import datetime
from typing import Final, Literal

from models.backtest.html import Cell
from models.capacity import Dollars
from models.evaluate import CostDifference, Share

NONE: Final = "-"
"""What has no value."""


def share(found: Share, told: str = "") -> Cell:
    """A share over its interval, and what else is to be said of it."""
    if math.isnan(found.value):
        return Cell(NONE)
    interval = f"{percent(found.low)} to {percent(found.high)}"
    return Cell(percent(found.value), f"{interval}, {told}" if told else interval)


def difference(found: CostDifference) -> Cell:
    """Our cost less theirs, in CPU seconds: good where the interval is below zero, bad where above."""
    tone: Literal["", "good", "bad"] = "good" if found.high < 0 else "bad" if found.low > 0 else ""
    return Cell(f"{found.value:+,.1f}", f"{found.low:+,.1f} to {found.high:+,.1f}", tone)


def dollars(found: Dollars) -> Cell:
    """Whole dollars over their interval."""
    if math.isnan(found.value):
        return Cell(NONE)
    return Cell(f"{found.value:,.0f}", f"{found.low:,.0f} to {found.high:,.0f}")


def percent(found: float) -> str:
    """A share without an interval."""
    return NONE if math.isnan(found) else f"{found:.1%}".replace("-0.0%", "0.0%")


def minute(moment: datetime) -> str:
    """A moment in UTC."""
    return f"{moment:%Y-%m-%d %H:%M}"
