"""A test of the certified bound that may be looked at after every statement: a bet against it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

ALPHA: Final = 0.05
"""The chance of a false alarm over the whole stream, however often it is looked at."""

ALTERNATIVES: Final = (1.5, 2.0, 4.0, 8.0)
"""Multiples of the bound that are bet on, in equal parts: at which of them a model fails is not known before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SequentialTest:
    """What a stream of heavy units says of a bound on the share that is missed.

    `wealth` is the most that the bet ever had; `refuted_at` the number of units after which it first had 1/alpha, None
    where it never had.
    """

    bound: float
    heavies: int
    missed: int
    wealth: float
    refuted_at: int | None

    @property
    def p_value(self) -> float:
        """Valid at any time and under any stopping rule."""
        return min(1.0, 1.0 / self.wealth)


def refute(missed: Sequence[bool], bound: float, *, alpha: float = ALPHA) -> SequentialTest:
    """Test that each heavy unit, in order of time, is missed with a probability of at most `bound` (0 to 0.5).

    A gambler with a wealth of 1 bets on each unit being missed, at odds that are fair where the miss rate is the bound.
    Where it is that or less, whatever came before, the wealth is a supermartingale, and the chance that it ever reaches
    1/alpha is at most alpha (Ville 1939). The wealth is the mean of bets on several rates above the bound (Waudby-Smith
    and Ramdas, J. R. Stat. Soc. B 86(1), 2024); of outcomes 0 and 1 each bet is the likelihood ratio of Wald (1945).
    """
    if not 0 < bound < 0.5:
        raise ValueError(f"bound is {bound}: expected more than 0 and less than 0.5")
    wealth = np.concatenate([[1.0], _wealth(np.array(missed, dtype=np.bool_), bound)])
    reached = np.flatnonzero(wealth >= 1 / alpha)
    return SequentialTest(
        bound=bound,
        heavies=len(missed),
        missed=int(sum(missed)),
        wealth=float(wealth.max()),
        refuted_at=int(reached[0]) if len(reached) else None,
    )


def _wealth(missed: NDArray[np.bool_], bound: float) -> NDArray[np.float64]:
    """After each unit, shape (n,)."""
    rates = np.array([bound * times for times in ALTERNATIVES if bound * times < 1])
    won, lost = np.log(rates / bound), np.log((1 - rates) / (1 - bound))
    gains = np.where(missed[:, np.newaxis], won, lost)
    logs = np.cumsum(gains, axis=0)
    wealth: NDArray[np.float64] = np.exp(np.minimum(logs, 600.0)).mean(axis=1)
    return wealth
