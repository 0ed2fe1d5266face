"""A drift report as Markdown, for pages that show no HTML."""

from typing import Final

from monitoring.files import ReportFiles
from monitoring.page import PageContent
from monitoring.signals import Signal

MOST_ROWS: Final = 20


def told_in_markdown(content: PageContent, files: ReportFiles) -> str:
    """The verdict, the signals that spoke, and where the page is."""
    verdict = content.verdict
    rows = "\n".join(_row(signal) for signal in verdict.signals[:MOST_ROWS])
    table = f"| tier | tenant | found | p-value |\n|---|---|---|---|\n{rows}\n" if rows else ""
    page = f"Page: `{files.page}`" if files.page else "Nothing was compared, so there is no page."
    return f"# Drift of {_cell(content.version)}: {verdict.kind}\n\n{_cell(verdict.reason)}\n\n{table}\n{page}\n"


def _row(signal: Signal) -> str:
    cells = (signal.tier.value, signal.tenant or "all", signal.sentence, f"{signal.p_value:.1e}")
    return f"| {' | '.join(map(_cell, cells))} |"


def _cell(text: str) -> str:
    """Names of tenants are no markup, and do not end a cell."""
    marked = text.replace("&", "&amp;").replace("<", "&lt;")
    return "".join(f"\\{sign}" if sign in "|`*_[]" else " " if sign == "\n" else sign for sign in marked)
