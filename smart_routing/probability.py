"""`ProbabilityMap`: from the score that decides to the probability that is told."""

import math
from dataclasses import dataclass
from typing import Final

STEEPEST: Final = 10.0
FARTHEST: Final = 20.0
"""Largest slope and largest size of an intercept: within them no score rounds to a division by zero."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbabilityMap:
    """P(heavy) is the logistic of `slope` x logit(score) + `intercept`; `slope` is above 0, so the order stays.

    Raises `ValueError` for parameters out of range. The usual values tell a score as it is.
    """

    slope: float = 1.0
    intercept: float = 0.0

    def __post_init__(self) -> None:
        if not (0.0 < self.slope <= STEEPEST and abs(self.intercept) <= FARTHEST):
            expected = f"a slope in (0, {STEEPEST:g}], an intercept within {FARTHEST:g} of 0"
            raise ValueError(f"probability map has slope {self.slope}, intercept {self.intercept}: expected {expected}")

    def __call__(self, score: float) -> float:
        """P(heavy) of a score, both in [0, 1]; without logarithms 0 and 1 need no case of their own."""
        heavy = math.pow(score, self.slope)
        return heavy / (heavy + math.exp(-self.intercept) * math.pow(1.0 - score, self.slope))

    def beside(self, threshold: float, score: float) -> float:
        """P(heavy) of a score that is compared with a threshold, on the same side of the threshold's own P(heavy).

        Two scores a bit apart may round to one probability; what is told must not contradict the decision.
        """
        told, limit = self(score), self(threshold)
        return max(told, limit) if score >= threshold else min(told, math.nextafter(limit, -math.inf))


AS_SCORED: Final = ProbabilityMap()
"""For whatever has no calibration of its own."""
