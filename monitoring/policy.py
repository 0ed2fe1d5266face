"""What a drift summary comes to: a verdict, and the reason in a sentence that a person understands."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

from monitoring.drift import ColumnDrift, DriftSummary, NewNames, strongest
from monitoring.frame import HEAVY, HEAVY_PROBABILITY, NEAR_THRESHOLD
from monitoring.thresholds import DriftThresholds

VerdictKind = Literal["no data", "none", "alert"]
"""What is to be done, the lesser first."""

MOST_TOLD: Final = 3


@dataclass(frozen=True, slots=True)
class Verdict:
    """`signals` are the names of the rules that spoke; empty without an alert."""

    kind: VerdictKind
    reason: str
    signals: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


Signal = Callable[[DriftSummary, DriftThresholds], str | None]


def new_names(summary: DriftSummary, _: DriftThresholds) -> str | None:
    """Many statements come from tenants, sources, users or templates that were not there."""
    told = [_new_names(found) for found in summary.new_names if found.drifted]
    return f"new since the version was made: {_listed(told)}" if told else None


def prediction(summary: DriftSummary, _: DriftThresholds) -> str | None:
    """The model answers otherwise than it did."""
    told = [
        *(
            f"the share {_SHARES[s.name]} is {_percent(s.current)}, was {_percent(s.reference)}"
            for s in summary.shares
            if s.drifted
        ),
        *(f"the scores moved (PSI {c.psi:.2f})" for c in summary.moved if c.column == HEAVY_PROBABILITY),
        *(
            f"the scores of statements called heavy moved (PSI {c.psi:.2f})"
            for c in summary.heavy_columns
            if c.drifted and c.column == HEAVY_PROBABILITY
        ),
    ]
    return _listed(told) if told else None


def inputs(summary: DriftSummary, thresholds: DriftThresholds) -> str | None:
    """What the model reads most has moved."""
    if summary.drift_share < thresholds.drift_share:
        return None
    return f"columns with {_percent(summary.drift_share)} of the model's gain moved"


SIGNALS: Final[tuple[Signal, ...]] = (new_names, prediction, inputs)

_SHARES: Final = {HEAVY: "called heavy", NEAR_THRESHOLD: "near the threshold"}


def judge(summary: DriftSummary, thresholds: DriftThresholds) -> Verdict:
    """An alert where any signal speaks; its sentence ends with the columns that moved most."""
    if not summary.compared:
        return Verdict("no data", _no_data(summary, thresholds))
    spoken = {signal.__name__: told for signal in SIGNALS if (told := signal(summary, thresholds))}
    if not spoken:
        return Verdict("none", _quiet(summary))
    sentence = "; ".join((*spoken.values(), _most_moved(summary)))
    return Verdict("alert", f"{sentence[0].upper()}{sentence[1:]}.", tuple(spoken))


def _no_data(summary: DriftSummary, thresholds: DriftThresholds) -> str:
    if not summary.current_rows:
        return f"The model decided no read statement from {summary.window}."
    return (
        f"{summary.current_rows} read statements from {summary.window} against {summary.reference_rows} of the "
        f"reference: a comparison needs {thresholds.min_rows} in the window, in what the model learnt from and in "
        "what was held out."
    )


def _quiet(summary: DriftSummary) -> str:
    heavy = summary.share(HEAVY)
    share = f"; {_percent(heavy.current)} called heavy, was {_percent(heavy.reference)}" if heavy else ""
    return (
        f"{summary.current_rows} read statements look as the {summary.reference_rows} of the reference did{share}; "
        f"{_most_moved(summary)}."
    )


def _most_moved(summary: DriftSummary) -> str:
    moved = strongest(summary.columns, MOST_TOLD)
    return f"most moved: {', '.join(map(_column, moved))}"


def _column(column: ColumnDrift) -> str:
    return f"{column.column} (PSI {column.psi:.2f}, limit {column.limit:.2f})"


def _new_names(found: NewNames) -> str:
    names = f"{', '.join(found.names)}; " if found.names else ""
    return (
        f"the {found.kind} of {_percent(found.current)} of the statements ({names}usually {_percent(found.reference)})"
    )


def _listed(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def _percent(share: float) -> str:
    return f"{share:.1%}"
