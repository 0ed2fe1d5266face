"""Who else speaks of the windows of a drift report: each source reads what it needs and answers in signals."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from models.versions import ModelVersion
from monitoring.drift.fallbacks import fallbacks
from monitoring.drift.signals import LastWindows
from monitoring.policy import Serving
from monitoring.reference import Reference
from monitoring.signals import Signal
from monitoring.thresholds import read_thresholds
from smart_routing.decision_log import read_decisions
from smart_routing.inference import Model
from smart_routing.settings import ServingSettings


@dataclass(frozen=True)
class Production:
    """The version that serves, ready to score, its reference, and since when it serves."""

    version: ModelVersion
    model: Model
    reference: Reference
    serving: Serving


SignalSource = Callable[[Production, LastWindows], tuple[Signal, ...]]


def decisions_without_model(_: Production, windows: LastWindows) -> tuple[Signal, ...]:
    """Nothing where there is no decision log."""
    folder = ServingSettings.load().decision_log
    if folder is None or not folder.is_dir():
        return ()
    return tuple(fallbacks(read_decisions(folder), windows.long, read_thresholds()))


SOURCES: Final[tuple[SignalSource, ...]] = (decisions_without_model,)
