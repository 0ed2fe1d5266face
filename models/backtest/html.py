"""Parts of a page with many figures: tables of estimates, drawings side by side; every text is escaped."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final, Literal

from smart_routing.page import html_page

_STYLE: Final = """
body { max-width: 88em; margin-bottom: 4em } p { max-width: 62em }
table { width: auto; margin: .6em 0; font-size: .87em }
th, td { padding: .3em 1em .3em 0 } th { vertical-align: bottom }
th.number { white-space: normal } td.name { font-family: inherit } .name { min-width: 8em; max-width: 30em }
small { display: block; color: #5b6675; font-size: .85em } .muted { color: #5b6675 }
.good { color: #1d6f42 } .bad { color: #b3261e } .muted .good, .muted .bad { color: inherit }
.scroll { overflow-x: auto }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(30em, 1fr)); gap: 1.2em 2em }
figure { margin: 0 } figcaption { color: #5b6675; font-size: .9em } svg { width: 100%; height: auto }
"""


@dataclass(frozen=True, slots=True)
class Cell:
    """A figure with, in small type below it, its interval or a word on it; `tone` says whether that is good news."""

    text: str
    below: str = ""
    tone: Literal["", "good", "bad"] = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table; a muted one is shown and not judged by."""

    cells: Sequence[str | Cell]
    muted: bool = False


def document(title: str, parts: Iterable[str]) -> str:
    """The whole page from its parts, which are HTML."""
    return html_page(title, "".join(parts), style=_STYLE)


def heading(text: str) -> str:
    """Of a section."""
    return f"<h2>{escape(text)}</h2>"


def paragraph(text: str) -> str:
    """Plain text, as wide as is easy to read."""
    return f"<p>{escape(text)}</p>"


def table(heads: Sequence[str], rows: Iterable[Row], *, names: int = 1) -> str:
    """The first `names` columns hold names and stand to the left, the others figures."""
    head = "".join(f'<th class="{_kind(place, names)}">{escape(text)}</th>' for place, text in enumerate(heads))
    return f'<div class="scroll"><table><tr>{head}</tr>{"".join(_row(row, names) for row in rows)}</table></div>'


def figure(drawing: str, caption: str) -> str:
    """An inline drawing, and what it shows."""
    return f"<figure>{drawing}<figcaption>{escape(caption)}</figcaption></figure>"


def side_by_side(figures: Iterable[str]) -> str:
    """Figures side by side where there is room."""
    return f'<div class="charts">{"".join(figures)}</div>'


def _row(row: Row, names: int) -> str:
    cells = (cell if isinstance(cell, Cell) else Cell(cell) for cell in row.cells)
    line = "".join(_cell(cell, _kind(place, names)) for place, cell in enumerate(cells))
    return f'<tr class="muted">{line}</tr>' if row.muted else f"<tr>{line}</tr>"


def _cell(cell: Cell, kind: str) -> str:
    below = f"<small>{escape(cell.below)}</small>" if cell.below else ""
    return f'<td class="{f"{kind} {cell.tone}".strip()}">{escape(cell.text)}{below}</td>'


def _kind(place: int, names: int) -> str:
    return "name" if place < names else "number"
