"""Replaying a log by days or weeks: everyone learns from the past, is certified on the end of it, and decides."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from enum import StrEnum
from typing import Final

from models.backtest.judge import Competition, compete, standing
from models.backtest.noise import noise_ceiling
from models.backtest.pool import Played, decided_reads, judge_pooled
from models.backtest.rolling import Rolling, Skipped, Step, Turn
from models.calibrate import BOUNDS
from models.capacity import CapacityInputs
from models.contenders.approach import Approach, Contest
from models.contenders.field import CONTENDERS, OURS
from models.split import SplitPast
from smart_routing.errors import TrainingError
from smart_routing.labels import LabelRule
from smart_routing.statistics import misses_allowed

DAY: Final = timedelta(days=1)


class Every(StrEnum):
    """How often everyone learns anew."""

    DAILY = "daily"
    WEEKLY = "weekly"

    @property
    def length(self) -> timedelta:
        return DAY if self is Every.DAILY else 7 * DAY


@dataclass(frozen=True, slots=True)
class Rolled:
    """Which steps of a log were decided, and which were not."""

    played: Sequence[Played]
    skipped: Sequence[Skipped]


def replay(
    contest: Contest,
    every: Every,
    *,
    approaches: Mapping[str, Approach] = CONTENDERS,
    capacity: CapacityInputs,
    tell: Callable[[str], None],
) -> Rolling:
    """Roll over the log and judge each step, and all of them as one. Raises what `roll` does."""
    rolled = roll(contest, every, approaches=approaches, tell=tell)
    return Rolling(
        every=every.value,
        rule=contest.rule,
        capacity=capacity,
        turns=[_turn(one, contest.rule) for one in rolled.played],
        skipped=rolled.skipped,
        pooled=judge_pooled(rolled.played, contest, capacity=capacity),
        noise_ceiling=noise_ceiling(decided_reads(rolled.played)),
    )


def roll(contest: Contest, every: Every, *, approaches: Mapping[str, Approach], tell: Callable[[str], None]) -> Rolled:
    """Everyone learns and decides step by step, whatever the contest's own split rule; `tell` hears of each step.

    The first step begins at the first UTC midnight before which there is enough: blocks to train and to calibrate with
    both classes, the second with heavy units enough for the loosest bound. Later days or weeks with reads follow; one
    without both classes is skipped. Raises `TrainingError` where no step is left, and what the contenders do.
    """
    skipped = _too_early(contest)
    played: list[Played] = []
    for step in _steps(contest, after=skipped, length=every.length):
        try:
            part = contest_of(contest, step)
        except TrainingError as error:
            skipped.append(Skipped(step, str(error)))
            tell(f"{step}: skipped, {error}")
            continue
        played.append(Played(step, part.split, compete(part, approaches)))
        tell(f"{step}: {len(part.split.holdout)} reads decided; {_promise(played[-1].found)}")
    if not played:
        last = skipped[-1]
        raise TrainingError(f"no {every} step of this log can be decided; the last, {last.step}: {last.reason}")
    return Rolled(played, skipped)


def contest_of(contest: Contest, step: Step) -> Contest:
    """The log as it was at the step's end, cut at its begin. What still ran then is neither past nor the step's.

    Raises `TrainingError` where that is too little to learn from, to be certified on or to be judged by.
    """
    labelled = contest.labelled
    known = replace(
        labelled,
        examples=tuple(
            example
            for example in labelled.examples
            if example.request.submitted_utc in step or example.ended_at < step.begin
        ),
        runs=tuple(run for run in labelled.runs if run.ended_at < step.end),
    )
    cut = replace(contest, labelled=known, split_rule=SplitPast(until=step.begin))
    _check_units(cut)
    return cut


def _check_units(contest: Contest) -> None:
    units = len({example.unit for example in contest.split.calibration if example.heavy})
    loosest = BOUNDS[-1]
    if misses_allowed(units, loosest, contest.gate.confidence) is None:
        raise TrainingError(
            f"calibration block has {units} heavy template-schema-days: expected enough to certify a bound of "
            f"{loosest:.0%}; give a longer log or other limits (--cpu-seconds, --memory-bytes)"
        )


def _too_early(contest: Contest) -> list[Skipped]:
    """The days from the log's first on, up to the first with enough before it."""
    moments = _moments(contest)
    found = []
    for day in _windows(moments, datetime.combine(moments[0], time(), moments[0].tzinfo), DAY):
        try:
            contest_of(contest, replace(day, end=moments[-1] + DAY))
        except TrainingError as error:
            found.append(Skipped(day, str(error)))
        else:
            break
    return found


def _steps(contest: Contest, *, after: Sequence[Skipped], length: timedelta) -> Iterator[Step]:
    moments = _moments(contest)
    begin = after[-1].step.end
    return _windows([moment for moment in moments if moment >= begin], begin, length)


def _windows(moments: Sequence[datetime], begin: datetime, length: timedelta) -> Iterator[Step]:
    """Those of the windows from `begin` on that hold a moment; moments are in order."""
    for place in dict.fromkeys((moment - begin) // length for moment in moments):
        yield Step(begin + place * length, begin + (place + 1) * length)


def _moments(contest: Contest) -> list[datetime]:
    moments = [example.request.submitted_utc for example in contest.labelled.reads]
    if not moments:
        raise TrainingError("the log has no read statements: expected some to learn from and to decide")
    return moments


def _turn(one: Played, rule: LabelRule) -> Turn:
    own, certified = one.found.own, one.found.certified
    return Turn(
        step=one.step,
        split=one.split,
        bound=one.found.bound,
        own={name: standing(found, own[OURS], rule=rule) for name, found in own.items()},
        certified={name: standing(found, certified[OURS], rule=rule) for name, found in certified.items()},
    )


def _promise(found: Competition) -> str:
    return str(found.own[OURS].threshold.certificate or "no certificate: everything goes to large")
