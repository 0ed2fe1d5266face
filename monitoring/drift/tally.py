"""`Tally`: one side of a comparison, counted by stratum and bin: after that many rows are few numbers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from monitoring.drift.bins import Bins, Counts, Places

Chosen = NDArray[np.bool_]


@dataclass(frozen=True)
class Coded:
    """A frame, and flags of its rows, looked at by bin; a column is coded when it is first asked for.

    `stratum` and `once` (is the row independent of those before it?) are of shape (rows,).
    """

    frame: pd.DataFrame
    flags: Mapping[str, Chosen]
    bins: Mapping[str, Bins]
    stratum: NDArray[np.int64]
    once: Chosen
    strata: int
    _places: dict[str, Places] = field(default_factory=dict, repr=False)

    def places(self, column: str) -> Places:
        """The bin of each row, shape (rows,)."""
        if column in self.flags:
            return self.flags[column].view(np.uint8)
        if column not in self._places:
            self._places[column] = self.bins[column].places(self.frame[column])
        return self._places[column]


@dataclass(frozen=True)
class Tally:
    """Chosen rows; `chosen` are their places in ascending order."""

    coded: Coded
    chosen: NDArray[np.intp]
    _counts: dict[str, Counts] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, coded: Coded, chosen: Chosen) -> Self:
        return cls(coded, np.flatnonzero(chosen))

    @cached_property
    def _stratum(self) -> NDArray[np.int64]:
        return self.coded.stratum if self._is_all else self.coded.stratum.take(self.chosen)

    @cached_property
    def _is_all(self) -> bool:
        return len(self.chosen) == len(self.coded.stratum)

    @cached_property
    def rows(self) -> Counts:
        """Rows by stratum, shape (strata,)."""
        return np.bincount(self._stratum, minlength=self.coded.strata).astype(np.float64)

    def counts(self, column: str) -> Counts:
        """Rows by stratum and bin, shape (strata, bins)."""
        if column not in self._counts:
            bins, strata = self.coded.bins[column].size, self.coded.strata
            places = self.coded.places(column)
            cells = self._stratum * bins
            cells += places if self._is_all else places.take(self.chosen)
            self._counts[column] = np.bincount(cells, minlength=strata * bins).reshape(strata, bins).astype(np.float64)
        return self._counts[column]


@dataclass(frozen=True, slots=True)
class Side:
    """Rows for how much something moved, and the independent ones among them for how sure that is."""

    rows: Tally
    units: Tally

    @classmethod
    def of(cls, coded: Coded, chosen: Chosen) -> Self:
        return cls(Tally.of(coded, chosen), Tally.of(coded, chosen & coded.once))
