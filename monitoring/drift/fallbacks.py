"""Signals of decisions that had to do without the model: of the service, which no training cures."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from scipy.stats import binom

from monitoring.signals import Signal, Tier
from monitoring.thresholds import DriftThresholds
from monitoring.window import Window
from smart_routing.decision_log import LoggedDecision
from smart_routing.routing import FALLBACKS

FALLBACK_SHARE: Final = "fallback_share"


def fallbacks(
    decisions: Iterable[LoggedDecision], windows: Sequence[Window], rules: DriftThresholds
) -> Iterator[Signal]:
    """For each window with decisions: is the share without the model above what is borne?"""
    counts = {window: [0, 0] for window in windows}
    for decision in decisions:
        for window in windows:
            if window.start <= decision.submitted_at < window.end:
                counts[window][0] += 1
                counts[window][1] += decision.reason in FALLBACKS
    for window, (made, without) in counts.items():
        if made:
            yield _share(window, made, without, borne=rules.fallback_share)


def _share(window: Window, made: int, without: int, *, borne: float) -> Signal:
    return Signal(
        name=FALLBACK_SHARE,
        tier=Tier.SKEW,
        window=window,
        reference=borne,
        current=without / made,
        p_value=float(binom.sf(without - 1, made, borne)),
        is_large=without / made > borne,
        sentence=f"{without / made:.2%} of the decisions were made without the model, of which {borne:.2%} is borne",
    )
