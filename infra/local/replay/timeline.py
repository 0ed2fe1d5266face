"""What came of a replay, night by night: for people, as JSON, and as a picture."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from infra.local.replay.fleet import Training


@dataclass(frozen=True, slots=True, kw_only=True)
class Night:
    """The report that closed a day, and what followed from it.

    `serving` is the version that decided the day's statements; `truth` is what their events say of it so far.
    """

    day: datetime
    statements: int
    light: int
    serving: str
    verdict: str
    reason: str
    tenants: tuple[str, ...]
    signals: tuple[str, ...]
    truth: str | None
    training: Training | None
    folder: str

    def __str__(self) -> str:
        followed = f"-> {self.training.told}" if self.training is not None else ""
        told = filter(None, (self.reason, f"Truth: {self.truth}" if self.truth else "", followed))
        return f"{self.day:%a %d %b}  {self.serving:<10}  {self.verdict:<8}  " + f"\n{' ' * 34}".join(told)


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """All nights of a replay, and where its files are."""

    events: str
    nights: Sequence[Night]
    workspace: str
    picture: str | None = None

    def as_json(self) -> dict[str, Any]:
        nights = [{**asdict(night), "day": night.day.date().isoformat()} for night in self.nights]
        return {"events": self.events, "nights": nights, "workspace": self.workspace, "picture": self.picture}

    def __str__(self) -> str:
        lines = "\n".join(map(str, self.nights))
        return f"{lines}\n\npicture {self.picture}, reports and runs in {self.workspace}"
