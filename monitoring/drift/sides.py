"""`Sides`: a reference and the statements since, made comparable; `Asked`: one window of them, whole or of a tenant."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import pandas as pd

from monitoring.drift.bins import Bins, YesNo, bins_of
from monitoring.drift.comparison import Move, Pair
from monitoring.drift.names import (
    KNOWN_UNITS,
    NEW_COLUMNS,
    ONCE,
    contexts,
    new_in_reference,
    new_names,
    new_tenants,
    units_of_tenants,
)
from monitoring.drift.strata import Strata
from monitoring.drift.tally import Chosen, Coded, Side, Tally
from monitoring.frame import (
    HEAVY,
    HEAVY_PROBABILITY,
    NEAR_THRESHOLD,
    SOURCE,
    SUBMITTED_AT,
    TENANT,
    TEXT_COLUMNS,
)
from monitoring.reference import FITTED_COLUMNS, LEARNT, Reference
from monitoring.window import Window
from smart_routing.features.context import TIME_FEATURES
from smart_routing.features.schema import DENSE_NAMES
from smart_routing.features.vector import PAST

_CALENDAR: Final = frozenset(feature.__name__ for feature in TIME_FEATURES)  # any window is one day of the week
_GROWING: Final = ("_runs", "_max", "_idle_hours")  # of the past: they move because it fills, whatever statements do
OF_THE_PAST: Final = frozenset(DENSE_NAMES[PAST])
_NOT_COMPARED: Final = _CALENDAR | {name for name in OF_THE_PAST if name.endswith(_GROWING)}
FEATURE_COLUMNS: Final = tuple(name for name in DENSE_NAMES if name not in _NOT_COMPARED)
COMPARED_COLUMNS: Final = (HEAVY_PROBABILITY, TENANT, SOURCE, *TEXT_COLUMNS, *FEATURE_COLUMNS)
_CODED: Final = (*COMPARED_COLUMNS, HEAVY, NEAR_THRESHOLD)
_FITTED: Final = FITTED_COLUMNS | set(NEW_COLUMNS.values())


@dataclass(frozen=True, slots=True)
class Asked:
    """Statements of one window beside the reference. `tenant` is whose, None for those of all known tenants."""

    window: Window
    tenant: str | None
    whole: Pair
    held_out: Pair

    def move(self, column: str) -> Move | None:
        """Against the whole reference, or what was held out of it where the fit has coloured the column.

        The past is looked at where it tells anything: that it tells of more statements than it did is no drift.
        """
        return (self.held_out if column in _FITTED else self.whole).move(column, known_only=column in OF_THE_PAST)

    def share_of(self, tenant: str) -> float:
        """The share of the window's statements that are a tenant's."""
        return self._part(self.whole.current.rows, tenant) / max(self.whole.rows, 1)

    def units_of(self, tenant: str) -> float:
        """A tenant's independent statements."""
        return self._part(self.whole.current.units, tenant)

    def _part(self, tally: Tally, tenant: str) -> float:
        return float(tally.rows[self.whole.strata.of_tenant(tenant)].sum())


@dataclass(frozen=True)
class Sides:
    """Everything of both sides, coded once; the methods cut windows and tenants out of it.

    `before` and `now` are the `contexts` of the rows of `reference` and `current`.
    """

    reference: Coded
    current: Coded
    before: pd.DataFrame
    now: pd.DataFrame
    strata: Strata
    new: frozenset[str]
    gain: Mapping[str, float]

    @classmethod
    def of(cls, reference: Reference, current: pd.DataFrame) -> "Sides":
        """`current` is a `monitoring_frame`; statements of the reference must not be in it."""
        before, now = contexts(reference.rows), contexts(current)
        strata = _strata(before, now)
        flags = new_in_reference(before, reference.rows[LEARNT].to_numpy()), new_names(before, now)
        bins = {column: bins_of(reference.rows[column]) for column in _CODED} | dict.fromkeys(flags[0], YesNo())
        return cls(
            reference=_coded(reference.rows, before, flags[0], bins=bins, strata=strata),
            current=_coded(current, now, flags[1], bins=bins, strata=strata),
            before=before,
            now=now,
            strata=strata,
            new=new_tenants(before, now),
            gain=reference.gain,
        )

    def inside(self, window: Window) -> Chosen:
        """The rows of a window."""
        moments = self.now[SUBMITTED_AT]
        chosen: Chosen = ((moments >= window.start) & (moments < window.end)).to_numpy()
        return chosen

    def tenants(self, window: Window, most: int) -> tuple[str, ...]:
        """Those with statements in a window, at most so many, those of most statements first."""
        found = self.now.loc[self.inside(window), TENANT].value_counts()
        return tuple(map(str, found.index[found > 0][:most]))

    def everybody(self, window: Window) -> Asked:
        """All statements, new tenants' among them."""
        every = np.ones(self.strata.size, dtype=np.bool_)
        return self._asked(window, None, every, every)

    def known(self, window: Window) -> Asked:
        """The statements of all tenants that are not new."""
        return self._asked(window, None, self._known, self._known)

    def tenant(self, window: Window, tenant: str) -> Asked:
        """One tenant's statements, against its own past, or against all the reference where it is new."""
        chosen = self.strata.of_tenant(tenant)
        return self._asked(window, tenant, self._known if tenant in self.new else chosen, chosen)

    def known_heavy(self, window: Window) -> Asked:
        """Of the known tenants' statements those that the model called heavy: of a rare class the whole says little."""
        heavy = Side.of(self.current, self.inside(window) & self.current.frame[HEAVY].to_numpy())
        pair = Pair(self.strata, self._heavy, heavy, self._known, self._known)
        return Asked(window, None, pair, pair)

    def _asked(self, window: Window, tenant: str | None, past: Chosen, chosen: Chosen) -> Asked:
        current = self._side(window)
        whole, held_out = (Pair(self.strata, side, current, past, chosen) for side in (self._whole, self._held_out))
        return Asked(window, tenant, whole, held_out)

    def _side(self, window: Window) -> Side:
        """Kept: all tenants of a window are cut from the same counts."""
        if window not in self._sides:
            self._sides[window] = Side.of(self.current, self.inside(window))
        return self._sides[window]

    @cached_property
    def _sides(self) -> dict[Window, Side]:
        return {}

    @cached_property
    def _known(self) -> Chosen:
        new = [place for place, name in enumerate(self.strata.tenants) if name in self.new]
        return ~np.isin(self.strata.tenant, new)

    @cached_property
    def _learnt(self) -> Chosen:
        learnt: Chosen = self.reference.frame[LEARNT].to_numpy()
        return learnt

    @cached_property
    def _whole(self) -> Side:
        return Side.of(self.reference, np.ones_like(self._learnt))

    @cached_property
    def _held_out(self) -> Side:
        return Side.of(self.reference, ~self._learnt)

    @cached_property
    def _heavy(self) -> Side:
        return Side.of(self.reference, ~self._learnt & self.reference.frame[HEAVY].to_numpy())


def _coded(
    frame: pd.DataFrame,
    told: pd.DataFrame,
    flags: Mapping[str, Chosen],
    *,
    bins: Mapping[str, Bins],
    strata: Strata,
) -> Coded:
    stratum = strata.of(told[TENANT], told[SUBMITTED_AT])
    return Coded(frame, flags, bins, stratum, told[ONCE].to_numpy(), strata.size)


def _strata(before: pd.DataFrame, now: pd.DataFrame) -> Strata:
    units = units_of_tenants(before)
    return Strata(
        tenants=tuple(sorted({*before[TENANT].cat.categories, *now[TENANT].cat.categories})),
        few=frozenset(units.index[units < KNOWN_UNITS]),
    )
