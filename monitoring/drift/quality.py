"""Signals that the data cannot be trusted: statements without a parse, a user or a catalog, and hours without any."""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Final

import numpy as np
import pandas as pd

from monitoring.drift.bins import rise_by_chance
from monitoring.drift.names import ONCE
from monitoring.frame import SUBMITTED_AT, TENANT, USER
from monitoring.policy import STATEMENTS
from monitoring.signals import Signal, Tier
from monitoring.thresholds import DriftThresholds
from monitoring.window import Window
from smart_routing.features.context import bucket
from smart_routing.features.statement import PARSE_STATUS_CODES, ParseStatus

PARSE_STATUS: Final = "parse_status"

MISSING_HOURS: Final = "missing_hours"
_HOUR: Final = timedelta(hours=1)
_PARSED: Final = PARSE_STATUS_CODES[ParseStatus.PARSED]
_NOBODY: Final = bucket("user", "")

BAD: Final[Mapping[str, tuple[str, Callable[[pd.DataFrame], "pd.Series[bool]"]]]] = {
    "unparsed": ("cannot be parsed", lambda rows: rows[PARSE_STATUS] != _PARSED),
    "no_user": ("have no user", lambda rows: rows[USER] == _NOBODY),
    "no_catalog": (
        "have no catalog",
        lambda rows: rows[TENANT].isin([name for name in rows[TENANT].cat.categories if name.startswith(".")]),
    ),
}
"""What may be wrong with a statement, in words and as a test of each row."""


def volume(reference_rows: int, current_rows: int, window: Window, rules: DriftThresholds) -> Signal:
    """How many statements there are to compare; it never speaks, and says why where nothing else does."""
    enough = f"{current_rows} read statements from {window} against {reference_rows} of the reference"
    few = f"{enough}: a comparison needs {rules.min_rows} of the window, of what was learnt and of what was held out"
    none = f"the query log has no read statement from {window}"
    is_enough = min(reference_rows, current_rows) >= rules.min_rows
    return Signal(
        name=STATEMENTS,
        tier=Tier.QUALITY,
        window=window,
        reference=float(reference_rows),
        current=float(current_rows),
        sentence=(enough if is_enough else few) if current_rows else none,
    )


def quality(reference: pd.DataFrame, current: pd.DataFrame, window: Window, rules: DriftThresholds) -> Iterator[Signal]:
    """Is the window worse than the reference was? Both are `contexts` with the parse status; neither is empty."""
    once = reference[reference[ONCE]], current[current[ONCE]]
    for name, (told, is_bad) in BAD.items():
        before, now = (float(is_bad(rows).mean()) for rows in (reference, current))
        counts = [np.bincount(is_bad(rows), minlength=2).astype(np.float64) for rows in once]
        yield Signal(
            name=name,
            tier=Tier.QUALITY,
            window=window,
            reference=before,
            current=now,
            p_value=rise_by_chance(*counts, sizes=(len(once[0]), len(once[1]))),
            is_large=now - before >= rules.bad_share,
            sentence=f"{now:.1%} of the statements {told}, usually {before:.1%}",
        )
    yield _missing_hours(*once, window=window, rules=rules)


def _missing_hours(reference: pd.DataFrame, current: pd.DataFrame, *, window: Window, rules: DriftThresholds) -> Signal:
    """The gap in which most of a day's statements usually come: with share s of them, n elsewhere give it (1 - s)^n."""
    usual = np.bincount(reference[SUBMITTED_AT].dt.hour, minlength=24) / len(reference)
    gaps = _gaps(window, set(current[SUBMITTED_AT].dt.floor("h")))
    expected = [min(sum(float(usual[hour.hour]) for hour in gap), 1.0) for gap in gaps]
    share = max(expected, default=0.0)
    longest = gaps[expected.index(share)] if gaps else []
    told = f"{longest[0]:%Y-%m-%d %H:%M} to {longest[-1] + _HOUR:%H:%M}" if longest else "no hour"
    return Signal(
        name=MISSING_HOURS,
        tier=Tier.QUALITY,
        window=window,
        reference=share,
        current=0.0,
        p_value=min(1.0, max(len(gaps), 1) * (1.0 - share) ** len(current)),
        is_large=share >= rules.bad_share,
        sentence=f"{told} (UTC) is without statements; {share:.1%} of a day's usually come then",
    )


def _gaps(window: Window, filled: set[pd.Timestamp]) -> list[list[datetime]]:
    """Whole hours of the window without a statement, those that follow each other together."""
    first = window.start.replace(minute=0, second=0, microsecond=0)
    first += _HOUR * (first < window.start)
    gaps: list[list[datetime]] = [[]]
    while first + _HOUR <= window.end:
        if pd.Timestamp(first) in filled:
            gaps.append([])
        else:
            gaps[-1].append(first)
        first += _HOUR
    return [gap for gap in gaps if gap]
