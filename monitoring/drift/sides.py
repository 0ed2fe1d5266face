"""`Sides`: a reference and the statements since, made comparable; `Asked`: of one window, all of it or one tenant's."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import pandas as pd

from monitoring.drift.bins import bins_of
from monitoring.drift.comparison import Move, Pair, Side
from monitoring.drift.names import KNOWN_UNITS, NEW_COLUMNS, new_tenants, reference_with_new, with_new
from monitoring.drift.strata import Strata
from monitoring.drift.tally import Chosen, Coded, Tally, independent
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

_CALENDAR: Final = frozenset(feature.__name__ for feature in TIME_FEATURES)  # any window is one day of the week
FEATURE_COLUMNS: Final = tuple(name for name in DENSE_NAMES if name not in _CALENDAR)
COMPARED_COLUMNS: Final = (HEAVY_PROBABILITY, TENANT, SOURCE, *TEXT_COLUMNS, *FEATURE_COLUMNS)
_CODED: Final = (*COMPARED_COLUMNS, HEAVY, NEAR_THRESHOLD, *NEW_COLUMNS.values())
_FITTED: Final = FITTED_COLUMNS | set(NEW_COLUMNS.values())


@dataclass(frozen=True, slots=True)
class Asked:
    """Statements of one window beside the reference. `tenant` is whose, None for those of all known tenants."""

    window: Window
    tenant: str | None
    is_new: bool
    whole: Pair
    held_out: Pair

    @property
    def enough(self) -> bool:
        """Whether anything can be said at all."""
        return self.held_out.enough

    def move(self, column: str, *, known_only: bool = False) -> Move | None:
        """Against the whole reference, or what was held out of it where the fit has coloured the column."""
        return (self.held_out if column in _FITTED else self.whole).move(column, known_only=known_only)

    def share_of(self, tenant: str) -> float:
        """The share of the window's statements that are a tenant's."""
        return self._part(self.whole.current.rows, tenant) / max(self.whole.rows, 1)

    def units_of(self, tenant: str) -> float:
        """A tenant's independent statements."""
        return self._part(self.whole.current.units, tenant)

    @staticmethod
    def _part(tally: Tally, tenant: str) -> float:
        return float(tally.rows[tally.coded.strata.of_tenant(tenant)].sum())


@dataclass(frozen=True)
class Sides:
    """Everything of both sides, coded once; `asked` and `asked_heavy` cut a window out of it."""

    reference: Coded
    current: Coded
    new: frozenset[str]
    gain: Mapping[str, float]

    @classmethod
    def of(cls, reference: Reference, current: pd.DataFrame) -> "Sides":
        """`current` is a `monitoring_frame`; statements of the reference must not be in it."""
        before, now = reference_with_new(reference), with_new(current, reference.rows)
        units = before[TENANT][independent(before)].value_counts()
        strata = Strata(
            tenants=tuple(sorted({*before[TENANT].unique(), *now[TENANT].unique()})),
            few=frozenset(units.index[units < KNOWN_UNITS]),
        )
        bins = {column: bins_of(before[column]) for column in _CODED}
        return cls(
            Coded.of(before, strata, bins),
            Coded.of(now, strata, bins),
            new=new_tenants(reference.rows, current),
            gain=reference.gain,
        )

    @property
    def tenants(self) -> tuple[str, ...]:
        return self.current.strata.tenants

    def in_window(self, window: Window, *, heavy: bool = False) -> Side:
        """The statements of a window; with `heavy` those that the model called so."""
        frame = self.current.frame
        inside = (frame[SUBMITTED_AT] >= window.start) & (frame[SUBMITTED_AT] < window.end)
        return Side.of(self.current, (inside & frame[HEAVY] if heavy else inside).to_numpy())

    def everybody(self, window: Window) -> Asked:
        """All statements, new tenants' among them."""
        every = np.ones(self.current.strata.size, dtype=np.bool_)
        current = self.in_window(window)
        return Asked(
            window, None, False, *(Pair(side, current, every, every) for side in (self._whole, self._held_out))
        )

    def asked(self, window: Window, current: Side, tenant: str | None = None) -> Asked:
        """Of one tenant against its own past; against all the reference where it is new. Of all: the known tenants."""
        chosen = self._known if tenant is None else self.current.strata.of_tenant(tenant)
        past = self._known if tenant in self.new else chosen
        whole, held_out = (Pair(side, current, past, chosen) for side in (self._whole, self._held_out))
        return Asked(window, tenant, tenant in self.new, whole, held_out)

    def asked_heavy(self, window: Window) -> Asked:
        """Of the known tenants' statements that the model called heavy: of a rare class the whole says little."""
        pair = Pair(self._heavy, self.in_window(window, heavy=True), self._known, self._known)
        return Asked(window, None, False, pair, pair)

    @cached_property
    def _known(self) -> Chosen:
        new = [place for place, name in enumerate(self.tenants) if name in self.new]
        return ~np.isin(self.current.strata.tenant, new)

    @cached_property
    def _whole(self) -> Side:
        return Side.of(self.reference, np.ones(len(self.reference.frame), dtype=np.bool_))

    @cached_property
    def _held_out(self) -> Side:
        return Side.of(self.reference, ~self.reference.frame[LEARNT].to_numpy())

    @cached_property
    def _heavy(self) -> Side:
        frame = self.reference.frame
        return Side.of(self.reference, (~frame[LEARNT] & frame[HEAVY]).to_numpy())
