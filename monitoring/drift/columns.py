"""`ColumnDrift`: every column of a window, for the page and for programs; a verdict rests on signals."""

from collections.abc import Mapping
from dataclasses import dataclass

from monitoring.drift.sides import COMPARED_COLUMNS, Asked


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnDrift:
    """The PSI of a column beyond chance, how often chance has it so far, and its share of the model's gain, 0 to 1."""

    column: str
    distance: float
    p_value: float
    gain_share: float
    drifted: bool


def columns(
    asked: Asked, gain: Mapping[str, float], *, large: float, false_discovery_rate: float
) -> tuple[ColumnDrift, ...]:
    """All columns that both sides have enough values of; drifted is what is large and no chance, of so many asked."""
    whole = sum(gain.get(column, 0.0) for column in COMPARED_COLUMNS) or 1.0
    return tuple(
        ColumnDrift(
            column=column,
            distance=move.distance,
            p_value=move.p_value,
            gain_share=gain.get(column, 0.0) / whole,
            drifted=move.distance >= large and move.p_value * len(COMPARED_COLUMNS) <= false_discovery_rate,
        )
        for column in COMPARED_COLUMNS
        if (move := asked.move(column))
    )
