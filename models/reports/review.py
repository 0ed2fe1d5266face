"""What the holdout says of a model beyond the figures that the gate judges: parts, reliability, label noise."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from models.backtest.noise import NoiseCeiling, noise_ceiling
from models.dataset import Example
from models.evaluate import Figures, figures
from models.reports.reliability import Reliability, reliability
from models.scoring import Scored
from models.strata import strata
from smart_routing.bundle import Threshold
from smart_routing.labels import LabelRule


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """`told` is the reliability of calibrated probabilities, `raw` that of scores, both where the model decided.

    `strata` are the figures of `routed` in parts of the holdout, by way of cutting it and name.
    """

    strata: Mapping[str, Mapping[str, Figures]]
    told: Reliability
    raw: Reliability
    noise: NoiseCeiling

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    def metrics(self) -> dict[str, float]:
        """Figures of reliability by the names that MLflow shows; none where the model decided nothing."""
        if not self.told.bins:
            return {}
        return {"ece": self.told.ece, "brier": self.told.brier, "raw_ece": self.raw.ece, "raw_brier": self.raw.brier}


def review(
    rows: Scored, holdout: Sequence[Example], *, before: Sequence[Example], threshold: Threshold, rule: LabelRule
) -> Review:
    """Review a holdout and its scored rows; templates and users are seen that are among the examples `before`."""
    decided = rows.by_model()
    told = np.array([threshold.probability(score) for score in decided.score.tolist()], dtype=np.float64)
    return Review(
        strata={
            way: {name: figures(rows.where(part), threshold=threshold.value, rule=rule) for name, part in parts.items()}
            for way, parts in strata(holdout, before=before, rule=rule).items()
        },
        told=reliability(told, decided.heavy),
        raw=reliability(decided.score, decided.heavy),
        noise=noise_ceiling(holdout),
    )
