"""What a backtest on one split found, and its JSON."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from models.backtest.curve import Curve
from models.backtest.noise import NoiseCeiling
from models.calibrate import FrontierPoint
from models.capacity import CapacityInputs, Saving
from models.evaluate import CostDifference, Figures, Share
from models.finite import finite
from models.split import Split, summaries
from models.strata import LEAST_HEAVY
from smart_routing.bundle import Threshold
from smart_routing.labels import LabelRule


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How one contender did on some rows of the holdout at one threshold.

    `difference` is our cost less its, both at their own thresholds or both at the bound. `refuted`: the rows contradict
    its certificate.
    """

    threshold: Threshold
    figures: Figures
    difference: CostDifference
    refuted: bool

    @property
    def judged(self) -> bool:
        """Whether there is enough to judge by."""
        return self.figures.heavy >= LEAST_HEAVY

    def as_json(self) -> dict[str, Any]:
        figures = self.figures
        return {
            "threshold": self.threshold.value,
            "rows": figures.rows,
            "heavy": figures.heavy,
            "missed": figures.missed,
            **_share("fnr", figures.false_negative_rate),
            **_share("unit_fnr", figures.unit_false_negative_rate),
            "cpu_weighted_fnr": figures.cpu_weighted_false_negative_rate,
            **_share("fpr", figures.false_positive_rate),
            "light_share": figures.light_share,
            "pr_auc": figures.average_precision,
            "cost": figures.cost,
            "cost_difference": self.difference.value,
            "cost_difference_ci": [self.difference.low, self.difference.high],
        }

    def promise(self) -> dict[str, Any]:
        """The certificate; it is for all rows, and promises nothing of a part of them."""
        certificate = self.threshold.certificate
        return {"certificate": asdict(certificate) if certificate else None, "refuted": self.refuted}


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One contender: at its own threshold, overall and in parts, and at the threshold that the bound takes.

    `certified` is None, and `frontier` empty, where its scores do not rank; there is no `curve` either.
    """

    own: Standing
    own_saving: Saving
    certified: Standing | None
    certified_saving: Saving | None
    frontier: tuple[FrontierPoint, ...]
    strata: Mapping[str, Mapping[str, Standing]]
    curve: Curve | None

    def as_json(self) -> dict[str, Any]:
        frontier = {"frontier": [asdict(point) for point in self.frontier]}
        certified, saving = self.certified, self.certified_saving
        return {
            "own": self.own.as_json() | self.own.promise() | saving_json(self.own_saving),
            "certified": (
                certified.as_json() | certified.promise() | saving_json(saving) | frontier
                if certified and saving
                else None
            ),
            "strata": {
                way: {name: part.as_json() | {"judged": part.judged} for name, part in parts.items()}
                for way, parts in self.strata.items()
            },
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Backtest:
    """All contenders on one split. `bound` is the one that all were certified for."""

    rule: LabelRule
    capacity: CapacityInputs
    split: Split
    bound: float
    contenders: Mapping[str, Judged]
    noise_ceiling: NoiseCeiling

    def as_json(self) -> dict[str, Any]:
        """The whole as JSON knows it: what is no finite number is None."""
        return finite(
            {
                "split": blocks(self.split),
                "bound": self.bound,
                "contenders": {name: judged.as_json() for name, judged in self.contenders.items()},
                "noise_ceiling": asdict(self.noise_ceiling),
            }
        )


def blocks(split: Split) -> dict[str, Any]:
    """Size and span of each block."""
    return {
        name: asdict(block) | {"first": block.first.isoformat(), "last": block.last.isoformat()}
        for name, block in summaries(split.blocks).items()
    }


def saving_json(found: Saving) -> dict[str, Any]:
    """At the targets of models/capacity.toml, and all the rest below `capacity`."""
    return {**_share("saving", found.at_targets.saving), "capacity": found.as_json()}


def _share(name: str, share: Share) -> dict[str, Any]:
    return {name: share.value, f"{name}_ci": [share.low, share.high]}
