"""The stages of a decision, and who is told when each ends."""

from collections.abc import Callable
from enum import StrEnum


class Stage(StrEnum):
    """What a decision spends its time on, in this order; a label in metrics.

    A decision ends where a cache or a rule gives it, so the later stages are those of statements that needed them.
    """

    CACHE = "cache"
    TOKENS = "tokens"
    PARSE = "parse"
    FACTS = "facts"
    FEATURES = "features"
    MODEL = "model"


StageEnded = Callable[[Stage], None]
"""Called as a stage ends; the work goes no further where it raises."""


def unwatched(_: Stage) -> None:
    """Nobody is told."""
