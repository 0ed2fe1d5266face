"""`Strata`: rows by tenant, hours of the day and kind of day; and the weights that give one sample another's mix."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from monitoring.frame import SUBMITTED_AT, TENANT

HOURS: Final = 4
"""Hours of the day that count as alike."""
KINDS_OF_DAY: Final = ("weekday", "weekend")
MOST_WEIGHT: Final = 10.0
"""No row counts for more than so many times the mean: a few must not speak for many."""

_BLOCKS: Final = 24 // HOURS
_OF_TENANT: Final = _BLOCKS * len(KINDS_OF_DAY)
_ROUNDS: Final = 50
_SATURDAY: Final = 5

Weights = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Strata:
    """The strata of all `tenants`; a stratum's number is (tenant, kind of day, block of hours) in one.

    The mix of those in `few`, which the reference hardly has, is that of all of them together.
    """

    tenants: tuple[str, ...]
    few: frozenset[str] = frozenset()

    @property
    def size(self) -> int:
        return len(self.tenants) * _OF_TENANT

    @property
    def tenant(self) -> NDArray[np.int64]:
        """The place of each stratum's tenant, shape (size,)."""
        return np.arange(self.size) // _OF_TENANT

    def of_tenant(self, tenant: str) -> NDArray[np.bool_]:
        """The strata of one of `tenants`."""
        return np.equal(self.tenant, self.tenants.index(tenant))

    @property
    def _mixed_tenant(self) -> NDArray[np.int64]:
        places = [len(self.tenants) if name in self.few else place for place, name in enumerate(self.tenants)]
        mixed: NDArray[np.int64] = np.array(places, dtype=np.int64)[self.tenant]
        return mixed

    @property
    def weekend(self) -> NDArray[np.int64]:
        kind: NDArray[np.int64] = np.arange(self.size) // _BLOCKS % len(KINDS_OF_DAY)
        return kind

    @property
    def block(self) -> NDArray[np.int64]:
        return np.arange(self.size) % _BLOCKS

    def of(self, frame: pd.DataFrame) -> NDArray[np.int64]:
        """The stratum of each row, whose tenant must be among `tenants`."""
        moments = frame[SUBMITTED_AT].dt
        place: Mapping[str, int] = {name: number for number, name in enumerate(self.tenants)}
        codes, found = pd.factorize(frame[TENANT])
        tenants = np.array([place[name] for name in found], dtype=np.int64)[codes]
        weekend = (moments.weekday >= _SATURDAY).to_numpy()
        strata: NDArray[np.int64] = tenants * _OF_TENANT + weekend * _BLOCKS + moments.hour.to_numpy() // HOURS
        return strata

    def balance(self, reference: Weights, current: Weights) -> Weights:
        """The weight of each stratum of the reference under which its mix is that of the window, shape (size,).

        Both are rows by stratum. Raking (Deming and Stephan, Annals of Mathematical Statistics 11(4), 1940): in turn
        the shares of tenants, of blocks of hours and of kinds of day are made those of the window, until all are.
        What the reference has not cannot be made up for: a kind of day or a tenant without rows stays as it is.
        """
        weights, margins = np.ones(self.size), (self._mixed_tenant, self.block, self.weekend)
        for _ in range(_ROUNDS):
            for margin in margins:
                weights *= _towards(margin, reference * weights, current)
        mean = (reference * weights).sum() / max(reference[weights > 0].sum(), 1.0)
        kept: Weights = np.minimum(weights, MOST_WEIGHT * mean)
        return kept


def effective(rows: Weights, weights: Weights) -> float:
    """The rows without weights that say as much: (sum of w)^2 / (sum of w^2) (Kish, Survey Sampling, Wiley 1965)."""
    squares = float((rows * weights**2).sum())
    return float((rows * weights).sum()) ** 2 / squares if squares else 0.0


def _towards(margin: NDArray[np.int64], reference: Weights, current: Weights) -> Weights:
    """The factors that give the categories of one margin the window's shares, as far as the reference has them."""
    has, wanted = np.bincount(margin, weights=reference), np.bincount(margin, weights=current)
    both = wanted * (has > 0)
    if not both.sum():
        return np.ones(len(margin))
    factors: Weights = np.divide(both / both.sum() * has.sum(), has, out=np.zeros_like(has), where=has > 0)
    by_stratum: Weights = factors[margin]
    return by_stratum
