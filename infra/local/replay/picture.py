"""The timeline of a replay as a picture: what each night said, which version served, and how many it missed."""

from collections.abc import Sequence
from pathlib import Path
from textwrap import shorten, wrap
from typing import Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from infra.local.replay.timeline import Night

_COLOURS: Final = {
    "none": "#54a24b",
    "no data": "#bab0ac",
    "alert": "#f2b701",
    "retrain": "#f58518",
    "rollback": "#e45756",
}
_VERSIONS: Final = ("#4c78a8", "#72b7b2", "#9d755d", "#b279a2", "#ff9da6")
_TOLD: Final = 260
_LINE: Final = 26


def draw(nights: Sequence[Night], file: Path) -> None:
    """A PNG, a column for each night."""
    figure = Figure(figsize=(2.1 * len(nights) + 0.8, 4.8), layout="constrained")
    verdicts, versions = figure.subplots(2, 1, height_ratios=[2.1, 1])
    _draw_verdicts(verdicts, nights)
    _draw_versions(versions, nights)
    figure.savefig(file, dpi=110)


def _draw_verdicts(axes: Axes, nights: Sequence[Night]) -> None:
    for place, night in enumerate(nights):
        axes.scatter([place], [0.9], s=420, color=_COLOURS[night.verdict], zorder=2)
        axes.text(place, 0.76, night.verdict, ha="center", va="top", weight="bold")
        axes.text(place, 0.66, _lines(night.reason), ha="center", va="top", fontsize=7, parse_math=False)
    axes.plot([0, len(nights) - 1], [0.9, 0.9], color="#dddddd", zorder=1)
    axes.set(xlim=(-0.6, len(nights) - 0.4), ylim=(0, 1.02), xticks=[], yticks=[])
    axes.set_title("what the report of each night said", loc="left", fontsize=9)
    axes.set_frame_on(False)


def _draw_versions(axes: Axes, nights: Sequence[Night]) -> None:
    known = list(dict.fromkeys(night.serving for night in nights))
    for place, night in enumerate(nights):
        colour = _VERSIONS[known.index(night.serving) % len(_VERSIONS)]
        axes.barh([0], [1], left=place - 0.5, color=colour, edgecolor="white")
        share = f"{night.light / night.statements:.0%} light" if night.statements else "no statement"
        told = f"{night.serving}\n{night.statements} statements, {share}"
        axes.text(place, 0, told, ha="center", va="center", color="white", fontsize=7, parse_math=False)
        if night.training is not None and night.training.promoted:
            axes.annotate("trained,\npromoted", (place + 0.5, 0.42), ha="center", va="bottom", fontsize=7)
        axes.text(place, -0.5, _lines(night.truth or ""), ha="center", va="top", fontsize=7, parse_math=False)
    axes.set(xlim=(-0.6, len(nights) - 0.4), ylim=(-1.7, 1.0), yticks=[])
    axes.set_xticks(range(len(nights)), [f"{night.day:%a %d %b}" for night in nights])
    axes.set_title("the version that decided the day, and what events say of it", loc="left", fontsize=9)
    axes.set_frame_on(False)


def _lines(told: str) -> str:
    return "\n".join(wrap(shorten(told, _TOLD, placeholder=" ..."), _LINE))
