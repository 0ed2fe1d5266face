"""What the fleet of the holdout's time would have needed, had a contender decided."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from models.capacity import CapacityInputs, Saving, saving
from models.contenders.approach import Contest
from models.dataset import Example
from models.evaluate import Contender


@dataclass(frozen=True)
class HoldoutFleet:
    """Every statement from the holdout's first read on, writes among them, and the places of the reads.

    Writes run on large whatever anybody decides, so they need its nodes.
    """

    examples: tuple[Example, ...]
    reads: NDArray[np.bool_]
    contest: Contest
    inputs: CapacityInputs

    @classmethod
    def of(cls, contest: Contest, inputs: CapacityInputs) -> Self:
        holdout = {example.request.query_id for example in contest.split.holdout}
        begin = contest.split.holdout[0].request.submitted_utc
        examples = tuple(one for one in contest.labelled.examples if one.request.submitted_utc >= begin)
        return cls(examples, np.array([one.request.query_id in holdout for one in examples]), contest, inputs)

    def saving(self, contender: Contender) -> Saving:
        """What the contender's decisions on the whole holdout save (models/capacity.py)."""
        sent_to_small = np.zeros(len(self.examples), dtype=np.bool_)
        sent_to_small[self.reads] = contender.rows.score < contender.threshold.value
        return saving(self.examples, sent_to_small, rule=self.contest.rule, inputs=self.inputs)
