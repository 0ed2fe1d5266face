"""`Signal`: one question asked of one window of statements, and its answer; what `monitoring.policy` judges."""

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from monitoring.window import Window


class Tier(StrEnum):
    """What a signal is about; the first says that the data cannot be trusted, the last that the service cannot."""

    QUALITY = "quality"
    PREDICTION = "prediction"
    FEATURES = "features"
    COST = "cost"
    TRUTH = "truth"
    SKEW = "skew"


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """Whether something moved in a window, beyond what matters (`is_large`) and beyond chance (`p_value`).

    `tenant` is whose statements were asked about, None for all. `p_value` is of "nothing changed", 1.0 where too little
    is known to tell; policy corrects it for how many questions were asked. `reference` and `current` are what was usual
    and what was found, in the unit that `sentence` says; `sentence` starts in lower case and has no full stop.
    """

    name: str
    tier: Tier
    window: Window
    tenant: str | None = None
    reference: float | None = None
    current: float | None = None
    p_value: float = 1.0
    is_large: bool = False
    sentence: str = ""

    def as_json(self) -> dict[str, Any]:
        window = {"start": self.window.start.isoformat(), "end": self.window.end.isoformat()}
        return {**asdict(self), "window": window}
