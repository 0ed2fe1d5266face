"""What came of a replay, night by night: for people, as JSON, and as a picture."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from infra.local.replay.fleet import Training


@dataclass(frozen=True, slots=True, kw_only=True)
class Night:
    """The report that closed a day, and what followed from it.

    `serving` is the version that decided the day's statements, None where none did yet; `live` is what the truth says
    of it so far.
    """

    day: datetime
    statements: int
    light: int
    serving: str | None
    verdict: str
    reason: str
    tenants: tuple[str, ...]
    signals: tuple[str, ...]
    live: dict[str, Any]
    training: Training | None
    folder: str

    def __str__(self) -> str:
        told = f"{self.day:%a %d %b}  {self.serving or '-':<10}  {self.verdict:<8}  {self.reason}"
        return told if self.training is None else f"{told}\n{' ' * 23}-> {self.training.told}"


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
