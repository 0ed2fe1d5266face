"""`Scored`: examples beside what a router made of them; the one table that calibration, evaluation and gate read."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from models.dataset import Example
from models.progress import counted
from smart_routing.history.measures import HistorySource
from smart_routing.inference import Model
from smart_routing.labels import QueryWeight
from smart_routing.router import Router
from smart_routing.routing import Reason, RoutingDecision


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """One row per example, all arrays of shape (n,). Heavy is decided where `score` >= the threshold.

    `score` is the model's own, raw, where it decided, +inf and -inf where a rule sent the statement to large or small
    whatever the model says. `unit` is template x schema x day, `template` the group that intervals draw by.
    """

    score: NDArray[np.float64]
    heavy: NDArray[np.bool_]
    cpu_seconds: NDArray[np.float64]
    unit: NDArray[np.str_]
    template: NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.score)

    def where(self, rows: NDArray[np.bool_] | NDArray[np.int64]) -> Self:
        """The rows of a mask, or at these places."""
        return type(self)(
            score=self.score[rows],
            heavy=self.heavy[rows],
            cpu_seconds=self.cpu_seconds[rows],
            unit=self.unit[rows],
            template=self.template[rows],
        )

    def by_model(self) -> Self:
        """The rows that the model decided (reason = model)."""
        return self.where(np.isfinite(self.score))

    def heavy_units(self) -> Self:
        """The first heavy row of every unit: repeats of a statement on a day are one piece of evidence, not many."""
        heavies = self.where(self.heavy)
        _, first = np.unique(heavies.unit, return_index=True)
        mask = np.zeros(len(heavies), dtype=np.bool_)
        mask[first] = True
        return heavies.where(mask)


def score_by_router(examples: Sequence[Example], model: Model, history: HistorySource) -> Scored:
    """Send every example through the whole policy chain, as serving would, with the past as it was known then."""
    router = Router(model=model, history=history, keep_vectors=False)
    requests, facts = [example.request for example in examples], [example.statement for example in examples]
    decisions = counted(router.decide_all(requests, facts), "score", total=len(examples))
    return scored(examples, [_score(decision, model.threshold) for decision in decisions])


def scored(examples: Sequence[Example], score: Sequence[float]) -> Scored:
    """Examples beside scores from anywhere: a router, a rule, another engine."""
    return Scored(
        score=np.array(score, dtype=np.float64),
        heavy=np.array([example.heavy for example in examples]),
        cpu_seconds=np.array([example.cpu_seconds for example in examples]),
        unit=np.array([example.unit for example in examples]),
        template=np.array([example.template for example in examples]),
    )


def _score(decision: RoutingDecision, threshold: float) -> float:
    """At least the usual threshold where it is heavy by the one without a past: figures compare all with the usual."""
    if decision.reason is Reason.MODEL and decision.raw_score is not None:
        return max(decision.raw_score, threshold) if decision.weight is QueryWeight.HEAVY else decision.raw_score
    return np.inf if decision.weight is QueryWeight.HEAVY else -np.inf
