"""What counts as heavy: the two weights and the rule that reads a weight off a statement that ran."""

import math
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Final, Self

from smart_routing.errors import SettingsError


class QueryWeight(StrEnum):
    """How much of a cluster a statement needs."""

    LIGHT = "light"
    HEAVY = "heavy"


SIZE_ERROR_CODES: Final = frozenset(
    {
        "EXCEEDED_CPU_LIMIT",
        "EXCEEDED_GLOBAL_MEMORY_LIMIT",
        "EXCEEDED_LOCAL_MEMORY_LIMIT",
        "EXCEEDED_SPILL_LIMIT",
        "EXCEEDED_SCAN_LIMIT",
        "CLUSTER_OUT_OF_MEMORY",
    }
)
"""Failures that say the statement was too big for the cluster (Trino's StandardErrorCode, INSUFFICIENT_RESOURCES).

QUERY_QUEUE_FULL, ADMINISTRATIVELY_PREEMPTED and EXCEEDED_TIME_LIMIT are not here: they tell of the cluster.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelRule:
    """Limits past which a statement is heavy; written into every bundle (`label.json`).

    `cpu_seconds` is inclusive, `memory_bytes` exclusive. Limits that are not positive and finite raise `SettingsError`.
    """

    cpu_seconds: float = 300.0
    memory_bytes: int = 10 * 1024**3

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if not 0 < value < math.inf:
                raise SettingsError(f"--{name.replace('_', '-')} is {value}: expected a finite number above 0")

    def weight(
        self, *, cpu_seconds: float, peak_memory_bytes: int, succeeded: bool, error_code: str | None
    ) -> QueryWeight | None:
        """The label of a statement; None where it failed, or still runs, and that says nothing about its size."""
        if cpu_seconds >= self.cpu_seconds or peak_memory_bytes > self.memory_bytes or error_code in SIZE_ERROR_CODES:
            return QueryWeight.HEAVY
        return QueryWeight.LIGHT if succeeded else None

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Self:
        return cls(cpu_seconds=float(document["cpu_seconds"]), memory_bytes=int(document["memory_bytes"]))
