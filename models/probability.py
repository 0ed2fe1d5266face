"""Calibrated probability: the map from scores to P(heavy), fitted on the calibration block."""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit, logit

from models.scoring import Scored
from smart_routing.probability import AS_SCORED, FARTHEST, STEEPEST, ProbabilityMap

_DIGITS: Final = 6
"""Of what is kept: the last bits of a fit differ between machines."""

_FLATTEST: Final = 0.01
"""A block whose scores say the wrong way round is told as one that says nothing: order must stay."""


def fit_probability(block: Scored) -> ProbabilityMap:
    """Platt's scaling (1999) of the rows that the model decided, with his targets, which no separable block defeats.

    The trees learn softened labels, so that their score is no probability. Every unit (template x schema x day) weighs
    one, as in the certificate, shared by its rows. Without rows of both classes a score is told as it is.
    """
    rows = block.by_model()
    if not 0 < rows.heavy.sum() < len(rows):
        return AS_SCORED
    weight, log_odds = _weights(rows), logit(rows.score.clip(1e-9, 1 - 1e-9))
    heavies, lights = weight[rows.heavy].sum(), weight[~rows.heavy].sum()
    target = np.where(rows.heavy, (heavies + 1) / (heavies + 2), 1 / (lights + 2))

    def loss(parameters: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        mapped = parameters[0] * log_odds + parameters[1]
        over = weight * (expit(mapped) - target)
        return float((weight * (np.logaddexp(0, mapped) - target * mapped)).sum()), np.array(
            [over @ log_odds, over.sum()]
        )

    bounds = [(_FLATTEST, STEEPEST), (-FARTHEST, FARTHEST)]
    slope, intercept = minimize(loss, [1.0, 0.0], jac=True, method="L-BFGS-B", bounds=bounds).x.tolist()
    return ProbabilityMap(slope=round(slope, _DIGITS), intercept=round(intercept, _DIGITS))


def _weights(rows: Scored) -> NDArray[np.float64]:
    _, unit, size = np.unique(rows.unit, return_inverse=True, return_counts=True)
    weights: NDArray[np.float64] = 1.0 / size[unit]
    return weights
