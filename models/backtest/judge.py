"""Judging contenders on the holdout: each at its own threshold and at one certified bound, overall and in parts."""

from collections.abc import Mapping, Sequence

import numpy as np

from models.backtest.fleet import HoldoutFleet
from models.backtest.noise import noise_ceiling
from models.backtest.result import Backtest, Judged, Standing
from models.calibrate import BOUNDS, Calibration, calibrate
from models.capacity import CapacityInputs
from models.contenders.approach import Approach, Contest, Entry
from models.contenders.field import CONTENDERS, OURS
from models.evaluate import Contender, cost_difference, figures, refutes
from models.strata import strata


def backtest(
    contest: Contest, approaches: Mapping[str, Approach] = CONTENDERS, *, capacity: CapacityInputs
) -> Backtest:
    """Let everyone learn, and judge them on the same rows; ours must be among them.

    The bound is that of our certificate, without one the gate's target. Raises what the contenders do.
    """
    entries = {name: approach(contest) for name, approach in approaches.items()}
    certificate = entries[OURS].threshold.certificate
    bound = certificate.bound if certificate else contest.gate.target_bound
    judge = _Judge(entries[OURS], bound=bound, fleet=HoldoutFleet.of(contest, capacity))
    return Backtest(
        split=contest.split,
        bound=bound,
        contenders={name: judge(entry) for name, entry in entries.items()},
        noise_ceiling=noise_ceiling(contest.split.holdout),
    )


class _Judge:
    """Compares entries with ours, each of its thresholds with ours of that kind."""

    def __init__(self, ours: Entry, *, bound: float, fleet: HoldoutFleet) -> None:
        self._ours, self._bound, self._fleet, self._contest = ours, bound, fleet, fleet.contest
        split = self._contest.split
        self._strata = strata(split.holdout, before=split.train, rule=self._contest.rule)

    def __call__(self, entry: Entry) -> Judged:
        own, ours = _own(entry), _own(self._ours)
        ranks = bool(np.isfinite(entry.calibration.score).any())
        certified = self._certified(entry) if ranks else None
        return Judged(
            own=self._standing(own, ours),
            own_saving=self._fleet.saving(own),
            certified=self._standing(certified, self._certified(self._ours)) if certified else None,
            certified_saving=self._fleet.saving(certified) if certified else None,
            frontier=self._calibrate(entry, BOUNDS).frontier if ranks else (),
            strata={
                way: {name: self._standing(own.within(part), ours.within(part)) for name, part in parts.items()}
                for way, parts in self._strata.items()
            },
        )

    def _standing(self, theirs: Contender, ours: Contender) -> Standing:
        rule = self._contest.rule
        return Standing(
            threshold=theirs.threshold,
            figures=figures(theirs.rows, threshold=theirs.threshold.value, rule=rule),
            difference=cost_difference(ours, theirs, rule),
            refuted=refutes(theirs.rows, theirs.threshold),
        )

    def _certified(self, entry: Entry) -> Contender:
        """The holdout at the threshold for our bound, however little that leaves light."""
        return Contender(rows=entry.holdout, threshold=self._calibrate(entry, (self._bound,)).threshold)

    def _calibrate(self, entry: Entry, bounds: Sequence[float]) -> Calibration:
        block, confidence = entry.calibration, self._contest.gate.confidence
        return calibrate(block, blind=block, confidence=confidence, min_light_share=0.0, bounds=bounds)


def _own(entry: Entry) -> Contender:
    return Contender(rows=entry.holdout, threshold=entry.threshold)
