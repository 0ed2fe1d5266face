"""`Shift`: how far a share of decisions moved after a change, like compared with like."""

import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Self


@dataclass(slots=True)
class Share:
    """So many of so many."""

    trials: int = 0
    events: int = 0


@dataclass(slots=True)
class Strata:
    """A share in each stratum, such as the decisions on one template and how many of them were heavy."""

    shares: dict[Hashable, Share] = field(default_factory=dict)

    def add(self, stratum: Hashable, *, event: bool) -> None:
        share = self.shares.setdefault(stratum, Share())
        share.trials += 1
        share.events += event


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """What came after a change, over the strata that were there before it too.

    `events` of `trials`, where `expected` had come if each stratum had kept its share from the `earlier` ones before.
    `deviations` is the statistic
    of Cochran, Mantel and Haenszel: by how many standard deviations events differ from what exchangeable decisions
    within each stratum would give. What only changes how often a stratum comes moves none of these.
    """

    earlier: int
    trials: int
    events: int
    expected: float
    deviations: float

    @classmethod
    def between(cls, before: Strata, after: Strata) -> Self:
        common = _common(before.shares, after.shares)
        surplus, variance = 0.0, 0.0
        for old, new in common:
            all_trials, all_events = old.trials + new.trials, old.events + new.events
            part = new.trials / all_trials
            surplus += new.events - all_events * part
            mixed = all_events * (all_trials - all_events) / (all_trials - 1)
            variance += mixed * part * (1 - part)
        return cls(
            earlier=sum(old.trials for old, _ in common),
            trials=sum(new.trials for _, new in common),
            events=sum(new.events for _, new in common),
            expected=sum(new.trials * old.events / old.trials for old, new in common),
            deviations=surplus / math.sqrt(variance) if variance else 0.0,
        )

    @property
    def rise(self) -> float:
        """The share after the change less the share expected; in [-1, 1]."""
        return (self.events - self.expected) / self.trials if self.trials else 0.0

    @property
    def loss(self) -> float:
        """The part of the expected events that did not come, negative where more came."""
        return 1.0 - self.events / self.expected if self.expected else 0.0

    def __str__(self) -> str:
        trials = max(self.trials, 1)
        return f"{self.events / trials:.1%} of {self.trials} decisions where {self.expected / trials:.1%} were before"


def _common(before: Mapping[Hashable, Share], after: Mapping[Hashable, Share]) -> list[tuple[Share, Share]]:
    return [(before[stratum], new) for stratum, new in after.items() if stratum in before]
