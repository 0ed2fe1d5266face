"""A bar chart of what moved a score, as inline SVG."""

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from typing import Final

from monitoring.explain.contributions import ColumnKind, Contribution, ScoreParts

_ROW, _LABEL, _PLOT, _FIGURE = 24, 300, 380, 64
"""Pixels: the height of a row; the widths of names, bars and figures."""

_LONGEST_NAME: Final = 38


@dataclass(frozen=True, slots=True)
class _Bar:
    name: str
    log_odds: float


def bar_chart(parts: ScoreParts) -> str:
    """Bars right of the middle make the statement heavier, left of it lighter."""
    bars = list(_bars(parts))
    largest = max((abs(bar.log_odds) for bar in bars), default=0.0) or 1.0
    width, height, middle = _LABEL + _PLOT + _FIGURE, _ROW * len(bars) + 8, _LABEL + _PLOT / 2
    axis = f'<line class="axis" x1="{middle}" y1="0" x2="{middle}" y2="{height}"/>'
    rows = "".join(_row(place, bar, largest) for place, bar in enumerate(bars))
    title = "Log-odds that each column added"
    return f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{title}">{axis}{rows}</svg>'


def shown_name(part: Contribution) -> str:
    """The column's name; a term, which may be a mere comma, in quotes."""
    return f"“{part.name}”" if part.kind is ColumnKind.TERM else part.name


def _bars(parts: ScoreParts) -> Iterator[_Bar]:
    yield _Bar("where every statement starts", parts.base)
    yield from (_Bar(shown_name(part), part.log_odds) for part in _by_size(parts))
    yield _Bar("terms and names it does not have", parts.absent_terms)
    yield _Bar("all other columns", parts.others)


def _by_size(parts: ScoreParts) -> list[Contribution]:
    return sorted((*parts.raised, *parts.lowered), key=lambda part: -abs(part.log_odds))


def _row(place: int, bar: _Bar, largest: float) -> str:
    top = place * _ROW + 4
    length = abs(bar.log_odds) / largest * _PLOT / 2
    start = _LABEL + _PLOT / 2 - (length if bar.log_odds < 0 else 0)
    name = bar.name if len(bar.name) <= _LONGEST_NAME else f"{bar.name[: _LONGEST_NAME - 1]}…"
    baseline = top + _ROW - 9
    return (
        f'<text x="{_LABEL - 10}" y="{baseline}" text-anchor="end">{escape(name)}</text>'
        f'<rect class="{"up" if bar.log_odds >= 0 else "down"}" x="{start:.1f}" y="{top}" '
        f'width="{length:.1f}" height="{_ROW - 8}"/>'
        f'<text x="{_LABEL + _PLOT + _FIGURE}" y="{baseline}" text-anchor="end">{bar.log_odds:+.2f}</text>'
    )
