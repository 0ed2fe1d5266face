"""How many nodes the fleet needs with and without routing, by its peak hours (the design's section 7.3)."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from models.dataset import Example
from models.demand import PeakCores, hourly_use
from models.evaluate import Estimate, Share
from smart_routing.labels import LabelRule
from smart_routing.statistics import bootstrap, percentile_interval
from smart_routing.toml_file import read_toml

CAPACITY_FILE: Final = Path(__file__).with_name("capacity.toml")

BusyShare = Annotated[float, Field(gt=0, le=1)]


class Utilisation(BaseModel):
    """Busy share of the usable vCPU in the peak hour, of the symmetric fleet and of the two clusters."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    symmetric: BusyShare
    small: BusyShare
    large: BusyShare


class CapacityInputs(BaseModel):
    """The content of capacity.toml, where each is explained."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    fleet_nodes: int = Field(gt=0)
    usable_vcpu_per_node: float = Field(gt=0)
    dollars_per_node_week: float = Field(ge=0)
    router_nodes: int = Field(ge=0)
    tabulated_targets: tuple[BusyShare, ...]
    utilisation: Utilisation

    @property
    def fleet_peak_cores(self) -> float:
        """Cores in use in the fleet's peak hour, which the log's peak hour is scaled to."""
        return self.fleet_nodes * self.usable_vcpu_per_node * self.utilisation.symmetric


@dataclass(frozen=True, slots=True, kw_only=True)
class Nodes:
    """Nodes of three fleets: symmetric, everything on large at large's target, and split in small, large and router."""

    symmetric: int
    all_heavy: int
    small: int
    large: int
    router: int

    @property
    def split(self) -> int:
        return self.small + self.large + self.router

    @property
    def saving(self) -> float:
        """Share of the symmetric fleet that the split one does without, below 0 where it needs more; NaN without nodes.

        The design's own arithmetic: 405 nodes against 270 + 25 + 5 saves 25.9%. It lists small as 24 nodes, makes 23 of
        2,500 cores / 105 (24, rounded up: small full to the last core) and adds up 25; with 24 the saving is 26.2%. Its
        270, two of the three backends of 135, follow from no utilisation that it names: 405 nodes at 55%, less the
        2,500 cores, are 285 nodes of large at 70%, and these 35 of small; with the router's 5 that saves 19.8%.
        """
        return 1 - self.split / self.symmetric if self.symmetric else math.nan

    @property
    def routing_alone(self) -> float:
        """The same against all-heavy: what routing saves beyond what running at large's target does."""
        return 1 - self.split / self.all_heavy if self.all_heavy else math.nan


class Dollars(Estimate):
    """An amount of money."""

    __slots__ = ()

    def __str__(self) -> str:
        return f"{self.value:,.0f} dollars [{self.low:,.0f}, {self.high:,.0f}]"


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetSaving:
    """Nodes at some targets and what the split saves: of the symmetric fleet, of all-heavy, and in money a week."""

    utilisation: Utilisation
    nodes: Nodes
    saving: Share
    routing_alone: Share
    dollars_a_week: Dollars

    def as_json(self) -> dict[str, Any]:
        return {
            "utilisation": self.utilisation.model_dump(),
            "nodes": {**asdict(self.nodes), "split": self.nodes.split},
            "saving": asdict(self.saving),
            "routing_alone": asdict(self.routing_alone),
            "dollars_a_week": asdict(self.dollars_a_week),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Saving:
    """What one way of deciding saves. `scale` times the log is the fleet; `peaks` are cores of the fleet.

    `tabulated` has both clusters at each of the tabulated targets beside the symmetric fleet at its own.
    """

    scale: float
    peaks: PeakCores
    at_targets: FleetSaving
    at_equal_utilisation: FleetSaving
    tabulated: tuple[FleetSaving, ...]

    def as_json(self) -> dict[str, Any]:
        return {
            "scale": self.scale,
            "peak_cores": asdict(self.peaks),
            "at_targets": self.at_targets.as_json(),
            "at_equal_utilisation": self.at_equal_utilisation.as_json(),
            "tabulated": [row.as_json() for row in self.tabulated],
        }


def read_capacity(path: Path = CAPACITY_FILE) -> CapacityInputs:
    """Inputs of a TOML file; raises `SettingsError` that names the file and the key."""
    return read_toml(path, CapacityInputs)


def saving(
    examples: Sequence[Example],
    sent_to_small: NDArray[np.bool_],
    *,
    rule: LabelRule,
    inputs: CapacityInputs,
    draws: int = 200,
) -> Saving:
    """Size the fleets for all statements of a log, writes among them; `sent_to_small` has shape (n,), False for writes.

    Peaks (models/demand.py) are scaled so that all statements, run once, need the fleet's peak cores. Intervals are of
    `draws` bootstrap draws of templates, each scaled anew. A log without CPU has scale 0 and NaN savings.
    """
    use = hourly_use(examples, sent_to_small, rule=rule)
    found = use.peaks(slice(None))
    drawn = bootstrap(use.template.tolist(), use.peaks, draws=draws)
    fleet = _FleetPeaks(_to_fleet(found, inputs), tuple(_to_fleet(peaks, inputs) for peaks in drawn), inputs)
    symmetric = inputs.utilisation.symmetric
    return Saving(
        scale=_scale(found, inputs),
        peaks=fleet.found,
        at_targets=fleet.saving(inputs.utilisation),
        at_equal_utilisation=fleet.saving(_both_clusters_at(symmetric, inputs)),
        tabulated=tuple(fleet.saving(_both_clusters_at(target, inputs)) for target in inputs.tabulated_targets),
    )


def count_nodes(peaks: PeakCores, inputs: CapacityInputs, *, utilisation: Utilisation) -> Nodes:
    """Nodes = peak cores / (usable vCPU x target), rounded up; a fleet that uses no small cluster needs no router."""

    def nodes(cores: float, target: float) -> int:
        # A log scaled to 405 nodes may need a little over 405 in floating point, which is not 406.
        return math.ceil(round(cores / (inputs.usable_vcpu_per_node * target), 6))

    return Nodes(
        symmetric=nodes(peaks.whole, utilisation.symmetric),
        all_heavy=nodes(peaks.whole, utilisation.large),
        small=nodes(peaks.small, utilisation.small),
        large=nodes(peaks.large, utilisation.large),
        router=inputs.router_nodes if peaks.small else 0,
    )


@dataclass(frozen=True, slots=True)
class _FleetPeaks:
    """The fleet's peak cores: as found, and as drawn by the bootstrap."""

    found: PeakCores
    drawn: tuple[PeakCores, ...]
    inputs: CapacityInputs

    def saving(self, utilisation: Utilisation) -> FleetSaving:
        nodes = count_nodes(self.found, self.inputs, utilisation=utilisation)
        drawn = [count_nodes(peaks, self.inputs, utilisation=utilisation) for peaks in self.drawn]
        low, high = percentile_interval([one.saving for one in drawn])
        alone_low, alone_high = percentile_interval([one.routing_alone for one in drawn])
        dollars = nodes.symmetric * self.inputs.dollars_per_node_week
        return FleetSaving(
            utilisation=utilisation,
            nodes=nodes,
            saving=Share(value=nodes.saving, low=low, high=high),
            routing_alone=Share(value=nodes.routing_alone, low=alone_low, high=alone_high),
            dollars_a_week=Dollars(value=nodes.saving * dollars, low=low * dollars, high=high * dollars),
        )


def _scale(peaks: PeakCores, inputs: CapacityInputs) -> float:
    return inputs.fleet_peak_cores / peaks.whole if peaks.whole else 0.0


def _to_fleet(peaks: PeakCores, inputs: CapacityInputs) -> PeakCores:
    return peaks.scaled(_scale(peaks, inputs))


def _both_clusters_at(target: float, inputs: CapacityInputs) -> Utilisation:
    return Utilisation(symmetric=inputs.utilisation.symmetric, small=target, large=target)
