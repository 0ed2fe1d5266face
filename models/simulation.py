"""Does the certificate keep its word? Deployments drawn from scored rows, each calibrated on few and judged by all."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from models.calibrate import calibrate
from models.scoring import Scored

CONFIDENCE: Final = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """What one calibration promised and what the whole population then held it to.

    Rates are shares of the population: of its heavy units the missed ones, of its rows the light ones. `naive` is the
    rate at the threshold that people tune by hand: the highest that misses no more than the bound on the calibration
    block itself.
    """

    bound: float
    false_negative_rate: float
    light_share: float
    naive_false_negative_rate: float

    @property
    def holds(self) -> bool:
        return self.false_negative_rate <= self.bound

    @property
    def naive_holds(self) -> bool:
        return self.naive_false_negative_rate <= self.bound


def deployments(
    population: Scored, *, count: int, heavy_units: int, seed: int, min_light_share: float = 0.3
) -> Iterator[Deployment]:
    """Calibrate `count` times on rows drawn with replacement, `heavy_units` of them heavy, light ones in proportion.

    Of the population one heavy row a unit is drawn from and counted. A deployment without a certificate sends all to
    large, promises nothing and is not in the result.
    """
    random = np.random.default_rng(seed)
    heavies, lights = population.heavy_units(), population.where(~population.heavy)
    light_rows = round(heavy_units * len(lights) / len(heavies))
    for _ in range(count):
        block = _draw(heavies, lights, random, heavy=heavy_units, light=light_rows)
        found = calibrate(block, blind=block, confidence=CONFIDENCE, min_light_share=min_light_share).threshold
        if found.certificate is None:
            continue
        bound = found.certificate.bound
        naive = np.sort(block.score[block.heavy])[int(bound * heavy_units)]
        yield Deployment(
            bound=bound,
            false_negative_rate=float((heavies.score < found.value).mean()),
            light_share=float((lights.score < found.value).mean() * len(lights) / (len(lights) + len(heavies))),
            naive_false_negative_rate=float((heavies.score < naive).mean()),
        )


def _draw(heavies: Scored, lights: Scored, random: np.random.Generator, *, heavy: int, light: int) -> Scored:
    """Rows with replacement, each a unit of its own: what is drawn twice stands for two that are alike."""
    drawn = [rows.where(random.integers(len(rows), size=count)) for rows, count in ((heavies, heavy), (lights, light))]
    names = np.array([f"{number}" for number in range(heavy + light)])
    return Scored(
        score=np.concatenate([rows.score for rows in drawn]),
        heavy=np.concatenate([rows.heavy for rows in drawn]),
        cpu_seconds=np.concatenate([rows.cpu_seconds for rows in drawn]),
        unit=names,
        template=names,
    )
