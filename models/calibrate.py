"""The threshold and the certificate: the Neyman-Pearson order statistic over the calibration block's heavy units."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from models.scoring import Scored
from smart_routing.bundle import Certificate, Threshold
from smart_routing.inference import PARITY
from smart_routing.probability import AS_SCORED, ProbabilityMap
from smart_routing.statistics import misses_allowed

BOUNDS: Final = (0.01, 0.02, 0.05, 0.10)
"""Bounds on the false negative rate, tried in this order; the first that the data support is certified."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontierPoint:
    """What one bound would take. None where the calibration block has too few heavy units for it."""

    bound: float
    misses_allowed: int | None
    threshold: float | None = None
    false_positive_rate: float | None = None
    light_share: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """The chosen threshold with its certificate, and the whole frontier it was chosen from.

    `blind` is the same bound where no history is known, at the chosen threshold or below it.
    """

    threshold: Threshold
    blind: FrontierPoint | None
    frontier: tuple[FrontierPoint, ...]
    heavy_units: int

    def summary(self) -> str:
        """What the data support, in one plain sentence."""
        if self.threshold.certificate is None:
            units = f"{self.heavy_units} heavy template-schema-days"
            return f"No bound is supported by {units}: every statement goes to large."
        return f"{self.threshold.certificate}."


def calibrate(
    block: Scored,
    *,
    blind: Scored,
    confidence: float,
    min_light_share: float,
    bounds: Sequence[float] = BOUNDS,
    probability: ProbabilityMap = AS_SCORED,
) -> Calibration:
    """Certify the smallest bound that the block supports with at least `min_light_share` of its rows light.

    `blind` is the same block scored without a history: its threshold for the same bound is certified as well, so that
    a router that has lost its snapshot breaks no promise. The bound holds on `routed`: heavy rows that rules decide
    count as caught or missed with all others. `probability` goes with the threshold and has no part in it.
    """
    units = block.heavy_units()
    frontier = tuple(_point(block, units, bound, confidence) for bound in bounds)
    chosen = next((p for p in frontier if p.light_share is not None and p.light_share >= min_light_share), None)
    without = _point(blind, blind.heavy_units(), chosen.bound, confidence, at_most=chosen.threshold) if chosen else None
    threshold = _threshold(chosen, without, heavies=len(units), confidence=confidence)
    return Calibration(
        threshold=replace(threshold, probability=probability),
        blind=without,
        frontier=frontier,
        heavy_units=len(units),
    )


def _point(
    block: Scored, units: Scored, bound: float, confidence: float, *, at_most: float | None = None
) -> FrontierPoint:
    """What the bound takes with a threshold of `at_most` or less: a lower one promises no less."""
    allowed = misses_allowed(len(units), bound, confidence)
    statistic = -np.inf if allowed is None else np.sort(units.score)[allowed]
    if statistic == -np.inf:
        return FrontierPoint(bound=bound, misses_allowed=allowed)
    supported = _below(statistic, block)
    threshold = supported if at_most is None else min(supported, at_most)
    decided_heavy = block.score >= threshold
    return FrontierPoint(
        bound=bound,
        misses_allowed=allowed,
        threshold=threshold,
        false_positive_rate=float(decided_heavy[~block.heavy].mean()),
        light_share=float(1 - decided_heavy.mean()),
    )


def _below(statistic: float, block: Scored) -> float:
    """A threshold just below the order statistic, in the first gap that two engines cannot disagree over.

    A threshold that equals a row's score would flip that row on the last bit of another engine's sum.
    """
    lower = block.score[np.isfinite(block.score) & (block.score < statistic)]
    steps = np.concatenate([[min(statistic, 1.0)], np.unique(lower)[::-1], [0.0]])
    gap = next((place for place, width in enumerate(-np.diff(steps)) if width > 2 * PARITY), None)
    return 0.0 if gap is None else float((steps[gap] + steps[gap + 1]) / 2)


def _threshold(
    chosen: FrontierPoint | None, blind: FrontierPoint | None, *, heavies: int, confidence: float
) -> Threshold:
    if chosen is None or chosen.threshold is None or chosen.misses_allowed is None:
        return Threshold(value=0.0, without_history=0.0, certificate=None)
    without_history = 0.0 if blind is None or blind.threshold is None else blind.threshold
    certificate = Certificate(
        bound=chosen.bound, confidence=confidence, heavies=heavies, misses_allowed=chosen.misses_allowed
    )
    return Threshold(value=chosen.threshold, without_history=without_history, certificate=certificate)
