"""A drift report as files: the summary for programs, the page for people."""

import json
from pathlib import Path
from typing import Final

from monitoring.page import PageContent, write_page
from monitoring.thresholds import DriftThresholds
from smart_routing.errors import SettingsError

SUMMARY_FILE: Final = "drift.json"
PAGE_FILE: Final = "drift.html"


def write_report(content: PageContent, folder: Path, thresholds: DriftThresholds) -> tuple[Path, ...]:
    """Write drift.json and, where something was compared, drift.html; returns their paths.

    Raises `SettingsError` where the folder cannot be written.
    """
    summary, page = folder / SUMMARY_FILE, folder / PAGE_FILE
    document = {
        "model_version": content.version,
        "verdict": content.verdict.as_json(),
        "drift": content.drift.as_json(),
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        summary.write_text(json.dumps(document, indent=2, allow_nan=False))
    except OSError as error:
        raise SettingsError(f"report folder {folder} cannot be written: {error.strerror}") from error
    if not content.drift.compared:
        page.unlink(missing_ok=True)
        return (summary,)
    write_page(content, page, thresholds)
    return summary, page
