"""Judging contenders on the same rows: each at its own threshold and at one bound, overall and in parts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from models.backtest.curve import Curve, curve
from models.backtest.fleet import DecidedFleet
from models.backtest.noise import noise_ceiling
from models.backtest.result import Backtest, Judged, Standing
from models.calibrate import BOUNDS, Calibration, FrontierPoint, calibrate
from models.capacity import CapacityInputs
from models.contenders.approach import Approach, Contest, Entry
from models.contenders.field import CONTENDERS, OURS
from models.evaluate import CONFIDENCE, Contender, cost_difference, figures, refutes
from models.progress import counted
from models.strata import LEAST_HEAVY, Parts, confidence_of_each, strata
from smart_routing.labels import LabelRule


@dataclass(frozen=True, slots=True, kw_only=True)
class Competition:
    """All contenders on the same rows, at their own thresholds and, where their scores rank, at `bound`."""

    entries: Mapping[str, Entry]
    bound: float
    own: Mapping[str, Contender]
    certified: Mapping[str, Contender]


def backtest(
    contest: Contest, approaches: Mapping[str, Approach] = CONTENDERS, *, capacity: CapacityInputs
) -> Backtest:
    """Let everyone learn, and judge them on the same rows; ours must be among them. Raises what the contenders do."""
    found = compete(contest, approaches)
    judge = Judge(found.own, found.certified, DecidedFleet.of(contest, capacity), _strata(contest))
    confidence = contest.gate.confidence
    frontiers = {
        name: _calibrate(found.entries[name], BOUNDS, confidence=confidence).frontier for name in found.certified
    }
    curves = {name: curve(found.own[name].rows, contest.rule) for name in found.certified}
    return Backtest(
        rule=contest.rule,
        capacity=capacity,
        split=contest.split,
        bound=found.bound,
        contenders={
            name: judge(name, frontier=frontiers.get(name, ()), curve=curves.get(name))
            for name in counted(found.own, "judged", total=len(found.own))
        },
        noise_ceiling=noise_ceiling(contest.split.holdout),
    )


def _strata(contest: Contest) -> Parts:
    split = contest.split
    return strata(split.holdout, before=split.train, rule=contest.rule)


def compete(contest: Contest, approaches: Mapping[str, Approach]) -> Competition:
    """Everyone learns and decides. The bound is that of our certificate, without one the gate's target.

    At the bound means at the threshold that the calibration block supports for it, however little that leaves light.
    """
    competing = counted(approaches.items(), "contenders", total=len(approaches))
    entries = {name: approach(contest) for name, approach in competing}
    certificate, gate = entries[OURS].threshold.certificate, contest.gate
    bound = certificate.bound if certificate else gate.target_bound
    return Competition(
        entries=entries,
        bound=bound,
        own={name: Contender(rows=entry.holdout, threshold=entry.threshold) for name, entry in entries.items()},
        certified={
            name: Contender(
                rows=entry.holdout, threshold=_calibrate(entry, (bound,), confidence=gate.confidence).threshold
            )
            for name, entry in entries.items()
            if np.isfinite(entry.calibration.score).any()
        },
    )


def standing(theirs: Contender, ours: Contender, *, rule: LabelRule, confidence: float = CONFIDENCE) -> Standing:
    """How a contender did, its cost beside ours on the same rows; `confidence` is of the difference's interval."""
    return Standing(
        threshold=theirs.threshold,
        figures=figures(theirs.rows, threshold=theirs.threshold.value, rule=rule),
        difference=cost_difference(ours, theirs, rule, confidence=confidence),
        refuted=refutes(theirs.rows, theirs.threshold),
    )


@dataclass(frozen=True, slots=True)
class Judge:
    """Compares every contender with ours, each of its thresholds with ours of that kind."""

    own: Mapping[str, Contender]
    certified: Mapping[str, Contender]
    fleet: DecidedFleet
    strata: Parts

    def __call__(self, name: str, *, frontier: tuple[FrontierPoint, ...] = (), curve: Curve | None = None) -> Judged:
        own, ours, rule = self.own[name], self.own[OURS], self.fleet.rule
        certified = self.certified.get(name)
        return Judged(
            own=standing(own, ours, rule=rule),
            own_saving=self.fleet.saving(own),
            certified=standing(certified, self.certified[OURS], rule=rule) if certified else None,
            certified_saving=self.fleet.saving(certified) if certified else None,
            frontier=frontier,
            strata=self._in_parts(own, ours),
            curve=curve,
        )

    def _in_parts(self, own: Contender, ours: Contender) -> Mapping[str, Mapping[str, Standing]]:
        """The intervals of differences are those of many comparisons, as many as parts are judged."""
        named = [rows for parts in self.strata.values() for rows in parts.values()]
        confidence = confidence_of_each(sum(int(ours.rows.heavy[rows].sum()) >= LEAST_HEAVY for rows in named))
        rule = self.fleet.rule
        return {
            way: {
                part: standing(own.within(rows), ours.within(rows), rule=rule, confidence=confidence)
                for part, rows in parts.items()
            }
            for way, parts in self.strata.items()
        }


def _calibrate(entry: Entry, bounds: Sequence[float], *, confidence: float) -> Calibration:
    block = entry.calibration
    return calibrate(block, blind=block, confidence=confidence, min_light_share=0.0, bounds=bounds)
