"""What a rolling backtest found, step by step and over all steps, and its JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from models.backtest.noise import NoiseCeiling
from models.backtest.result import Judged, Standing, blocks, saving_json
from models.capacity import CapacityInputs
from models.finite import finite
from models.split import Split
from smart_routing.labels import LabelRule


@dataclass(frozen=True, slots=True, order=True)
class Step:
    """Statements submitted in [begin, end), decided by who learnt from what came before."""

    begin: datetime
    end: datetime

    def __contains__(self, moment: datetime) -> bool:
        return self.begin <= moment < self.end

    def __str__(self) -> str:
        return f"{self.begin:%Y-%m-%d} to {self.end:%Y-%m-%d}"


@dataclass(frozen=True, slots=True)
class Skipped:
    """A step that nobody decides, and why."""

    step: Step
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One step: every contender at its own threshold and, where its scores rank, at `bound`."""

    step: Step
    split: Split
    bound: float
    own: Mapping[str, Standing]
    certified: Mapping[str, Standing]

    def as_json(self) -> dict[str, Any]:
        return {
            **_span(self.step),
            "split": blocks(self.split),
            "bound": self.bound,
            "contenders": {
                name: {"own": _promised(own), "certified": _promised(self.certified.get(name))}
                for name, own in self.own.items()
            },
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Rolling:
    """All steps in order of time. `pooled` has all their rows, each decided at the threshold of its step."""

    every: str
    rule: LabelRule
    capacity: CapacityInputs
    turns: Sequence[Turn]
    skipped: Sequence[Skipped]
    pooled: Mapping[str, Judged]
    noise_ceiling: NoiseCeiling

    def own_promises(self, name: str) -> "Promises":
        """Of a contender's own thresholds."""
        return _promises([turn.own[name] for turn in self.turns])

    def certified_promises(self, name: str) -> "Promises":
        """Of its thresholds at the bound."""
        return _promises([turn.certified[name] for turn in self.turns if name in turn.certified])

    def as_json(self) -> dict[str, Any]:
        """The whole as JSON knows it: what is no finite number is None."""
        return finite(
            {
                "rolling": self.every,
                "steps": [turn.as_json() for turn in self.turns],
                "skipped": [{**_span(skipped.step), "reason": skipped.reason} for skipped in self.skipped],
                "contenders": {name: self._pooled(name, judged) for name, judged in self.pooled.items()},
                "noise_ceiling": asdict(self.noise_ceiling),
            }
        )

    def _pooled(self, name: str, judged: Judged) -> dict[str, Any]:
        """As of one split, but no threshold is that of all steps, and no ranking either."""
        certified, saving = judged.certified, judged.certified_saving
        return {
            "own": _figures(judged.own) | asdict(self.own_promises(name)) | saving_json(judged.own_saving),
            "certified": (
                _figures(certified) | asdict(self.certified_promises(name)) | saving_json(saving)
                if certified and saving
                else None
            ),
            "strata": {
                way: {part: _figures(found) | {"judged": found.judged} for part, found in parts.items()}
                for way, parts in judged.strata.items()
            },
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Promises:
    """Steps with a certificate, and those of them whose own statements contradict it."""

    certified_steps: int
    refuted_steps: int


def _promises(standings: Sequence[Standing]) -> Promises:
    return Promises(
        certified_steps=sum(found.threshold.certificate is not None for found in standings),
        refuted_steps=sum(found.refuted for found in standings),
    )


def _figures(found: Standing) -> dict[str, Any]:
    return {name: value for name, value in found.as_json().items() if name not in {"threshold", "pr_auc"}}


def _promised(found: Standing | None) -> dict[str, Any] | None:
    return found.as_json() | found.promise() if found else None


def _span(step: Step) -> dict[str, str]:
    return {"begin": step.begin.isoformat(), "end": step.end.isoformat()}
