"""`Strata`: rows by tenant, hours of the day and kind of day; and the weights that give one sample another's mix."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

HOURS: Final = 4
"""Hours of the day that count as alike."""
KINDS_OF_DAY: Final = ("weekday", "weekend")
MOST_WEIGHT: Final = 10.0
"""No row counts for more than so many times the mean: a few must not speak for many."""

_BLOCKS: Final = 24 // HOURS
_OF_TENANT: Final = _BLOCKS * len(KINDS_OF_DAY)
_ROUNDS: Final = 50
_CLOSE: Final = 1e-4
_HOUR: Final = 60 * 60
_DAY: Final = 24 * _HOUR
_WEEK: Final = 7
_SATURDAY: Final = 5
_THURSDAY: Final = 3  # the first day of 1970

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

    def of(self, tenant: "pd.Series[Any]", submitted_at: "pd.Series[Any]") -> NDArray[np.int64]:
        """The stratum of each row; the tenant is a category, one of `tenants`, and times are UTC."""
        place = {name: number for number, name in enumerate(self.tenants)}
        of_code = np.array([place[name] for name in tenant.cat.categories], dtype=np.int64)
        seconds = np.asarray(submitted_at.astype("int64"), dtype=np.int64) // 10**6
        weekend = (seconds // _DAY + _THURSDAY) % _WEEK >= _SATURDAY
        block = seconds % _DAY // (HOURS * _HOUR)
        code: NDArray[np.int64] = of_code[tenant.cat.codes.to_numpy()]
        strata: NDArray[np.int64] = code * _OF_TENANT + weekend.astype(np.int64) * _BLOCKS + block
        return strata

    def balance(self, reference: Weights, current: Weights) -> Weights:
        """The weight of each stratum of the reference under which its mix is that of the window, shape (size,).

        Both are rows by stratum. Raking (Deming and Stephan, Annals of Mathematical Statistics 11(4), 1940): in turn
        the shares of tenants, of blocks of hours and of kinds of day are made those of the window, until all are.
        What the reference has not cannot be made up for: a kind of day or a tenant without rows stays as it is.
        """
        weights, margins = np.ones(self.size), (self._mixed_tenant, self.block, self.weekend)
        for _ in range(_ROUNDS):
            before = weights
            for margin in margins:
                weights = weights * _towards(margin, reference * weights, current)
            if np.allclose(weights, before, rtol=_CLOSE):
                break
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
