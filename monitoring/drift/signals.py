"""`drift_signals`: what the last windows say against the reference of a version."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

import pandas as pd

from monitoring.drift.columns import ColumnDrift, columns
from monitoring.drift.features import features
from monitoring.drift.prediction import new_names, newcomers, predictions, scores_of_heavy
from monitoring.drift.quality import PARSE_STATUS, quality, volume
from monitoring.drift.sides import Asked, Sides
from monitoring.drift.tally import Coded
from monitoring.frame import SOURCE, SUBMITTED_AT, TEMPLATE, USER
from monitoring.reference import LEARNT, Reference
from monitoring.signals import Signal
from monitoring.thresholds import DriftThresholds
from monitoring.window import Window

OF_ALL: Final = (TEMPLATE, USER, SOURCE)
OF_A_TENANT: Final = (TEMPLATE, USER)


@dataclass(frozen=True, slots=True)
class LastWindows:
    """The windows that a report looks at, the newest last: long ones, and short ones."""

    long: tuple[Window, ...]
    short: tuple[Window, ...]

    @property
    def newest(self) -> Window:
        return self.long[-1]

    @property
    def start(self) -> datetime:
        return min(self.long[0].start, self.short[0].start)


def last_windows(newest: Window, rules: DriftThresholds) -> LastWindows:
    """Those that end where `newest` does; it says how long a long one is."""
    length = newest.end - newest.start
    return LastWindows(
        _before(newest.end, length, rules.long.count),
        _before(newest.end, timedelta(hours=rules.short.hours), rules.short.count),
    )


def _before(end: datetime, length: timedelta, count: int) -> tuple[Window, ...]:
    return tuple(Window.before(end - back * length, length) for back in reversed(range(count)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """Signals of all windows, the oldest first, and every column of the newest; both empty where too little is known.

    `sizes` are the independent rows that the reference, given the newest window's mix, and the window are worth.
    """

    window: Window
    reference_rows: int
    current_rows: int
    signals: tuple[Signal, ...] = ()
    columns: tuple[ColumnDrift, ...] = ()
    sizes: tuple[float, float] = (0.0, 0.0)

    @property
    def compared(self) -> bool:
        return bool(self.columns)

    @property
    def drift_share(self) -> float:
        """The share of the model's gain that lies in columns that moved far, 0 to 1."""
        return sum((column.gain_share for column in self.columns if column.drifted), start=0.0)

    @property
    def moved(self) -> tuple[ColumnDrift, ...]:
        """The drifted columns, those that moved most first."""
        return tuple(sorted((c for c in self.columns if c.drifted), key=lambda column: -column.distance))

    def as_json(self) -> dict[str, Any]:
        """As it is kept in drift.json, beside the signals of every source."""
        return {
            "window": {"start": self.window.start.isoformat(), "end": self.window.end.isoformat()},
            "reference_rows": self.reference_rows,
            "current_rows": self.current_rows,
            "independent_rows": {"reference": self.sizes[0], "current": self.sizes[1]},
            "drift_share": self.drift_share,
            "columns": [asdict(column) for column in self.columns],
        }

    def signal(self, name: str) -> Signal | None:
        """Of the newest window, of all tenants."""
        found = (s for s in self.signals if s.name == name and s.window == self.window and s.tenant is None)
        return next(found, None)


def drift_signals(reference: Reference, current: pd.DataFrame, windows: LastWindows, rules: DriftThresholds) -> Drift:
    """Ask every window that began when the version's reference had ended, and the newest in any case.

    Statements of the newest window are taken out of the reference; `current` (a `monitoring_frame`) holds all windows.
    """
    newest = windows.newest
    begun = min(reference.end, newest.start) if len(reference) else newest.start
    reference = reference.outside(newest.start, newest.end)
    frame = _between(current, begun, newest.end)
    rows = int((frame[SUBMITTED_AT] >= newest.start).sum())
    told = volume(len(reference), rows, newest, rules)
    drift = Drift(window=newest, reference_rows=len(reference), current_rows=rows, signals=(told,))
    learnt = int(reference.rows[LEARNT].sum())
    if min(learnt, len(reference) - learnt, rows) < rules.min_rows:
        return drift
    sides = Sides.of(reference, frame)
    long, short = ([w for w in series if w.start >= begun] for series in (windows.long, windows.short))
    whole = sides.known(newest)
    return replace(
        drift,
        signals=(
            told,
            *(signal for window in long for signal in _long(sides, window, rules)),
            *(signal for window in short for signal in _names(sides, window, rules)),
        ),
        columns=columns(whole, reference.gain, large=rules.psi, false_discovery_rate=rules.false_discovery_rate),
        sizes=whole.whole.sizes,
    )


def _between(frame: pd.DataFrame, start: datetime, end: datetime) -> pd.DataFrame:
    moments = frame[SUBMITTED_AT]
    kept = (moments >= pd.Timestamp(start)) & (moments < pd.Timestamp(end))
    return frame if kept.all() else frame[kept]


def _long(sides: Sides, window: Window, rules: DriftThresholds) -> Iterator[Signal]:
    inside = sides.inside(window)
    if not inside.any():
        return
    yield from quality(_rows(sides.before, sides.reference), _rows(sides.now, sides.current)[inside], window, rules)
    for asked in _asked(sides, window, rules):
        yield from predictions(asked, rules)
        yield from features(asked, sides.gain, rules)
    yield from _names(sides, window, rules)
    yield from scores_of_heavy(sides.known_heavy(window), rules)


def _rows(told: pd.DataFrame, coded: Coded) -> pd.DataFrame:
    """What quality asks of, which is a small part of a frame."""
    return told.assign(**{PARSE_STATUS: coded.frame[PARSE_STATUS]})


def _names(sides: Sides, window: Window, rules: DriftThresholds) -> Iterator[Signal]:
    for asked in _asked(sides, window, rules):
        yield from new_names(asked, rules, kinds=OF_ALL if asked.tenant is None else OF_A_TENANT)
    yield from newcomers(sides, sides.everybody(window), rules)


def _asked(sides: Sides, window: Window, rules: DriftThresholds) -> Iterator[Asked]:
    """All known tenants together, then one by one those of most statements, new ones among them."""
    yield sides.known(window)
    for tenant in sides.tenants(window, rules.tenants):
        yield sides.tenant(window, tenant)
