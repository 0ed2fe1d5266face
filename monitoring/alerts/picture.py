"""A small picture of what moved most: what was usual beside what is now, each on its own scale."""

import warnings
from io import BytesIO
from typing import Final

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from monitoring.alerts.alert import Moved
from monitoring.alerts.words import number, subject

_USUAL: Final = "#9aa7b5"
_NOW: Final = "#d1702a"
_WIDTH: Final = 6.4
_ROW: Final = 0.95
_DPI: Final = 110
_LONGEST: Final = 70


def picture(moved: tuple[Moved, ...]) -> bytes | None:
    """A PNG with one row for each that has both figures; None where none has."""
    drawn = [found for found in moved if found.reference is not None and found.current is not None]
    if not drawn:
        return None
    content = BytesIO()
    with rc_context({"font.size": 9, "text.parse_math": False}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")  # a name may be in any script
        figure = Figure(figsize=(_WIDTH, _ROW * len(drawn) + 0.1), dpi=_DPI, layout="constrained")
        for axes, found in zip(figure.subplots(len(drawn), squeeze=False)[:, 0], drawn, strict=True):
            _draw(axes, found)
        figure.savefig(content, format="png", metadata={"Software": None})
    return content.getvalue()


def _draw(axes: Axes, moved: Moved) -> None:
    values = [moved.current or 0.0, moved.reference or 0.0]
    bars = axes.barh([0, 1], values, color=[_NOW, _USUAL], height=0.72)
    axes.bar_label(bars, labels=[number(value) for value in values], padding=4)
    axes.set_yticks([0, 1], ["now", "usual"])
    axes.set_xticks([])
    axes.set_xlim(*_limits(values))
    axes.set_title(subject(moved)[:_LONGEST], loc="left", fontsize=9, fontweight="bold")
    axes.tick_params(length=0)
    axes.spines[["top", "right", "bottom"]].set_visible(False)


def _limits(values: list[float]) -> tuple[float, float]:
    """Room for the labels beside the bars."""
    low, high = min(0.0, *values), max(0.0, *values)
    room = 0.16 * ((high - low) or 1.0)
    return low - (room if low else 0.0), high + room
