"""A drift report as files: the summary for programs, the page for people."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from monitoring.page import PageContent, write_page
from monitoring.thresholds import DriftThresholds
from smart_routing.errors import SettingsError

if TYPE_CHECKING:
    from evidently.core.report import Snapshot

SUMMARY_FILE: Final = "drift.json"
PAGE_FILE: Final = "drift.html"


@dataclass(frozen=True, slots=True)
class ReportFiles:
    """What was written, and Evidently's report; the page and the report are None where nothing was compared."""

    summary: Path
    page: Path | None = None
    snapshot: "Snapshot | None" = None

    def __iter__(self) -> Iterator[Path]:
        return iter((self.summary,) if self.page is None else (self.summary, self.page))


def write_report(content: PageContent, folder: Path, thresholds: DriftThresholds) -> ReportFiles:
    """Write drift.json and, where something was compared, drift.html.

    Raises `SettingsError` where the folder cannot be written.
    """
    summary, page = folder / SUMMARY_FILE, folder / PAGE_FILE
    document = {
        "model_version": content.version,
        "verdict": content.verdict.as_json(),
        "drift": content.drift.as_json(),
        "signals": [signal.as_json() for signal in content.signals],
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        summary.write_text(json.dumps(document, indent=2, allow_nan=False))
    except OSError as error:
        raise SettingsError(f"report folder {folder} cannot be written: {error.strerror}") from error
    if not content.drift.compared:
        page.unlink(missing_ok=True)
        return ReportFiles(summary)
    return ReportFiles(summary, page, write_page(content, page, thresholds))
