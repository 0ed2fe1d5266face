"""What the fleet of the decided time would have needed, had a contender decided."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from models.capacity import CapacityInputs, Saving, saving
from models.contenders.approach import Contest
from models.dataset import Example
from models.evaluate import Contender
from smart_routing.labels import LabelRule


@dataclass(frozen=True)
class DecidedFleet:
    """Every statement of a time, writes among them, and the places of the reads that contenders decide.

    Writes run on large whatever anybody decides, so they need its nodes.
    """

    examples: tuple[Example, ...]
    reads: NDArray[np.bool_]
    rule: LabelRule
    inputs: CapacityInputs

    @classmethod
    def of(cls, contest: Contest, inputs: CapacityInputs) -> Self:
        """From the holdout's first read on."""
        holdout = contest.split.holdout
        begin = holdout[0].request.submitted_utc
        examples = [one for one in contest.labelled.examples if one.request.submitted_utc >= begin]
        return cls.running(examples, holdout, rule=contest.rule, inputs=inputs)

    @classmethod
    def running(
        cls, examples: Sequence[Example], decided: Sequence[Example], *, rule: LabelRule, inputs: CapacityInputs
    ) -> Self:
        """These statements, the decided reads among them; both are in order of time."""
        names = {example.request.query_id for example in decided}
        return cls(tuple(examples), np.array([one.request.query_id in names for one in examples]), rule, inputs)

    def saving(self, contender: Contender) -> Saving:
        """What the contender's decisions on all the reads save (models/capacity.py)."""
        sent_to_small = np.zeros(len(self.examples), dtype=np.bool_)
        sent_to_small[self.reads] = contender.rows.score < contender.threshold.value
        return saving(self.examples, sent_to_small, rule=self.rule, inputs=self.inputs)
