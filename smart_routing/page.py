"""Pages for people: one HTML file of ours that needs no network, and tables in it."""

from collections.abc import Collection, Iterable, Sequence
from html import escape
from typing import Final

_STYLE: Final = """
body { font: 15px/1.5 system-ui, sans-serif; color: #1c2430; background: #fff; max-width: 62em; margin: 2em auto;
  padding: 0 1.5em }
h1 { font-size: 1.6em; margin: 1.2em 0 .2em } h2 { font-size: 1.15em; margin: 2em 0 .4em }
table { border-collapse: collapse; width: 100% } th { text-align: left; font-weight: 600 }
th, td { padding: .25em .8em .25em 0; border-bottom: 1px solid #e3e7ed; vertical-align: top }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap }
code, td.name { font-family: monospace; overflow-wrap: anywhere } .note { color: #8a4b00 } .small { color: #4a5566 }
"""


def html_page(title: str, body: str, *, style: str = "") -> str:
    """A whole document; `title` is plain text and its heading, `body` and `style` are HTML and CSS already."""
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{_STYLE}{style}</style></head><body><h1>{escape(title)}</h1>{body}</body></html>"
    )


def html_table(heads: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: Collection[str] = ()) -> str:
    """A table of plain texts; the first column holds names, those headed by one of `numbers` stand to the right."""
    kinds = ["name", *("number" if head in numbers else "text" for head in heads[1:])]
    return f"<table>{_row('th', kinds, heads)}{''.join(_row('td', kinds, row) for row in rows)}</table>"


def _row(tag: str, kinds: Sequence[str], cells: Sequence[str]) -> str:
    told = (f'<{tag} class="{kind}">{escape(cell)}</{tag}>' for kind, cell in zip(kinds, cells, strict=True))
    return f"<tr>{''.join(told)}</tr>"
