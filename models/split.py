"""Cutting labelled examples into three blocks of time: to learn from, to set the threshold on, to judge by."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from models.dataset import Example, digest
from smart_routing.errors import TrainingError

Blocks = Mapping[str, Sequence[Example]]
"""Examples in order of time, by the name of their block; none is empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """Three disjoint blocks in order of time."""

    train: tuple[Example, ...]
    calibration: tuple[Example, ...]
    holdout: tuple[Example, ...]

    @property
    def blocks(self) -> Blocks:
        return {"train": self.train, "calibration": self.calibration, "holdout": self.holdout}


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockSummary:
    """Size and span of a block; times are UTC, of its first and last statement."""

    reads: int
    heavy: int
    first: datetime
    last: datetime


def summaries(blocks: Blocks) -> dict[str, BlockSummary]:
    """Size and span of each block."""
    return {
        name: BlockSummary(
            reads=len(block),
            heavy=sum(example.heavy for example in block),
            first=block[0].request.submitted_utc,
            last=block[-1].request.submitted_utc,
        )
        for name, block in blocks.items()
    }


@dataclass(frozen=True, slots=True)
class Cuts:
    """Positions of the first example that calibrates, and of the first that judges."""

    calibration: int
    holdout: int


class SplitRule(Protocol):
    """Where to cut examples that are in order of time."""

    def cuts(self, examples: Sequence[Example]) -> Cuts: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitShares:
    """Shares of the reads, in order of time, that train and calibrate; the rest is the holdout."""

    train: float = 0.55
    calibration: float = 0.22

    def cuts(self, examples: Sequence[Example]) -> Cuts:
        return Cuts(round(len(examples) * self.train), round(len(examples) * (self.train + self.calibration)))


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitTimes:
    """Reads before `train_until` train, those before `calibrate_until` calibrate, later ones are the holdout.

    Raises `TrainingError` for times without a zone or out of order.
    """

    train_until: datetime
    calibrate_until: datetime

    def __post_init__(self) -> None:
        if self.train_until.tzinfo is None or self.calibrate_until.tzinfo is None:
            raise TrainingError(f"split at {self.train_until} and {self.calibrate_until}: expected times with a zone")
        if self.train_until >= self.calibrate_until:
            raise TrainingError(
                f"training ends at {self.train_until.isoformat()} and calibration at "
                f"{self.calibrate_until.isoformat()}: expected the second to be later"
            )

    def cuts(self, examples: Sequence[Example]) -> Cuts:
        submitted = [example.request.submitted_utc for example in examples]
        return Cuts(
            sum(moment < self.train_until for moment in submitted),
            sum(moment < self.calibrate_until for moment in submitted),
        )


USUAL_SPLIT: Final = SplitShares()


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitPast:
    """Reads from `until` on are the holdout; the latest of those before it calibrate, in the usual proportion."""

    until: datetime

    def cuts(self, examples: Sequence[Example]) -> Cuts:
        past = sum(example.request.submitted_utc < self.until for example in examples)
        return Cuts(round(past * USUAL_SPLIT.train / (USUAL_SPLIT.train + USUAL_SPLIT.calibration)), past)


def split_by_time(examples: Sequence[Example], rule: SplitRule = USUAL_SPLIT) -> Split:
    """Cut the examples, already in order of time; raises `TrainingError` where a block lacks a class."""
    cuts = rule.cuts(examples)
    split = Split(
        train=tuple(examples[: cuts.calibration]),
        calibration=tuple(examples[cuts.calibration : cuts.holdout]),
        holdout=tuple(examples[cuts.holdout :]),
    )
    for name, block in split.blocks.items():
        check_classes(name, block)
    return split


def submitted_after(examples: Sequence[Example], moment: datetime) -> tuple[Example, ...]:
    """What may judge a version made from statements up to `moment`; raises `TrainingError` where a class is missing."""
    later = tuple(example for example in examples if example.request.submitted_at > moment)
    check_classes(f"holdout (after {moment:%Y-%m-%d %H:%M:%S} UTC)", later)
    return later


def dataset_digest(split: Split) -> str:
    """The digest of everything a model is trained and calibrated on."""
    return digest((*split.train, *split.calibration))


def check_classes(name: str, examples: Sequence[Example]) -> None:
    """Raises `TrainingError` that names the block where it lacks light or heavy examples."""
    heavy = sum(example.heavy for example in examples)
    if not 0 < heavy < len(examples):
        raise TrainingError(
            f"{name} block has {len(examples)} read statements, {heavy} of them heavy: expected both light and heavy "
            "ones; give a longer log or other limits (--cpu-seconds, --memory-bytes)"
        )
