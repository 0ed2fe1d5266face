"""What a flow that judges a model tells at its end."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What the holdout and the gate said of a version; `report` is for people."""

    version: int | None
    run_id: str
    passed: bool
    report: str
    evaluation: dict[str, Any]

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    def __str__(self) -> str:
        return self.report
