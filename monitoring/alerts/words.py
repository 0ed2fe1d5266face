"""What every channel says of an alert, in plain text."""

import re
import unicodedata
from typing import Final

from monitoring.alerts.alert import Alert, AlertKind, Moved

_TITLES: Final = {
    AlertKind.ALERT: "Something changed",
    AlertKind.RETRAIN: "A change calls for a new model",
    AlertKind.ROLLBACK: "The model in production fails",
}
_NAMES_TOLD: Final = 3
_LONGEST_NAME: Final = 64
_NEVER: Final = 1_000_000


def title(alert: Alert) -> str:
    """One line, without control characters: what happened, to which version, and whose statements changed."""
    tenants = [plain(name)[:_LONGEST_NAME] for name in alert.tenants]
    more = f" and {len(tenants) - _NAMES_TOLD} more" if len(tenants) > _NAMES_TOLD else ""
    whose = f" ({', '.join(tenants[:_NAMES_TOLD])}{more})" if tenants else ""
    return f"{_TITLES[alert.kind]}: {plain(alert.model_version)}{whose}"


def how_sure(alert: Alert) -> str:
    """How often chance alone would look like the strongest signal; empty where no signal has a p-value."""
    p_value = min((moved.p_value for moved in alert.moved), default=1.0)
    if p_value >= 1:
        return ""
    if p_value <= 1 / _NEVER:
        return f"Chance alone would look like the strongest of these less than once in {_NEVER:,} windows."
    return f"Chance alone would look like the strongest of these once in {round(1 / p_value):,} windows."


def subject(moved: Moved) -> str:
    """What moved, and whose."""
    return plain(f"{moved.name} of {moved.tenant}" if moved.tenant else moved.name)


def figures(moved: Moved) -> str:
    """What was usual and what is now; empty where one of them is not known."""
    if moved.reference is None or moved.current is None:
        return ""
    return f"usual {number(moved.reference)}, now {number(moved.current)}"


def number(value: float) -> str:
    """Three digits that count, without an exponent where that is readable."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def plain(text: str) -> str:
    """The text in one line: what controls a terminal, a header or the direction of writing is a space."""
    kept = "".join(" " if unicodedata.category(character).startswith(("C", "Z")) else character for character in text)
    return re.sub(" +", " ", kept).strip()
