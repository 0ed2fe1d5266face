"""`Tally`: one side of a comparison, counted by stratum and bin: after that many rows are few numbers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from monitoring.drift.bins import Bins, Counts, Places
from monitoring.drift.strata import Strata
from monitoring.frame import SUBMITTED_AT, TEMPLATE, TENANT

Chosen = NDArray[np.bool_]

_DAY: Final = 24 * 60 * 60 * 10**6  # in microseconds, as a frame keeps its times


def independent(rows: pd.DataFrame) -> Chosen:
    """True for the first row of each template x tenant x day: repeats of a statement are one piece of evidence."""
    template, tenant = (pd.factorize(rows[column])[0] for column in (TEMPLATE, TENANT))
    day = rows[SUBMITTED_AT].astype("int64").to_numpy() // _DAY
    day -= day.min(initial=0)
    unit = (day * (tenant.max(initial=0) + 1) + tenant) * (template.max(initial=0) + 1) + template
    return ~pd.Series(unit).duplicated().to_numpy()


@dataclass(frozen=True)
class Coded:
    """A frame whose columns are looked at by bin; each is coded when it is first asked for."""

    frame: pd.DataFrame
    strata: Strata
    bins: Mapping[str, Bins]
    stratum: NDArray[np.int64]
    once: Chosen
    _places: dict[str, Places] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, frame: pd.DataFrame, strata: Strata, bins: Mapping[str, Bins]) -> "Coded":
        return cls(frame, strata, bins, strata.of(frame), independent(frame))

    def places(self, column: str) -> Places:
        if column not in self._places:
            self._places[column] = self.bins[column].places(self.frame[column])
        return self._places[column]

    def tally(self, chosen: Chosen) -> "Tally":
        return Tally(self, np.flatnonzero(chosen))


@dataclass(frozen=True)
class Tally:
    """Chosen rows of a frame."""

    coded: Coded
    chosen: NDArray[np.intp]
    _counts: dict[str, Counts] = field(default_factory=dict, repr=False)

    @property
    def rows(self) -> Counts:
        """Rows by stratum, shape (strata,)."""
        return np.bincount(self.coded.stratum[self.chosen], minlength=self.coded.strata.size).astype(np.float64)

    def counts(self, column: str) -> Counts:
        """Rows by stratum and bin, shape (strata, bins)."""
        if column not in self._counts:
            bins, strata = self.coded.bins[column].size, self.coded.strata.size
            cells = self.coded.stratum[self.chosen] * bins + self.coded.places(column)[self.chosen]
            self._counts[column] = np.bincount(cells, minlength=strata * bins).reshape(strata, bins).astype(np.float64)
        return self._counts[column]
