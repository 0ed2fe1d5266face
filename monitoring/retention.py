"""What was kept long enough: the files of days gone by, found first and removed after."""

import re
import shutil
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final

from smart_routing.errors import SettingsError

_DECISIONS: Final = re.compile(r"decisions-(\d{4}-\d{2}-\d{2})\..+\.jsonl")
_REPORT: Final = re.compile(r"\d{4}-\d{2}-\d{2}T\d{4}Z-.+")
_RUNS: Final = "workspace/*/snapshots/*.json"


def first_kept(today: date, days: int) -> date:
    """The oldest UTC day of which some moment is within the last `days` days."""
    return today - timedelta(days=days)


def old_decisions(folder: Path, before: date) -> list[Path]:
    """Files of the decision log of UTC days before `before`; routers write to those of today and yesterday only."""
    found = ((path, _DECISIONS.fullmatch(path.name)) for path in _files(folder.glob("decisions-*.jsonl")))
    return sorted(path for path, match in found if match and date.fromisoformat(match[1]) < before)


def old_reports(reports: Path, before: date) -> list[Path]:
    """Folders of reports, and runs of the Evidently workspace beside them, that were last written before `before`."""
    folders = (path for path in reports.glob("*") if _REPORT.fullmatch(path.name) and path.is_dir())
    runs = _files(reports.glob(_RUNS))
    return sorted(path for path in (*folders, *runs) if _last_written(path) < before)


def old_files(files: Iterable[Path], before: date) -> list[Path]:
    """Those of `files` that are there and were last written before `before`."""
    return sorted(path for path in _files(files) if _last_written(path) < before)


def remove(paths: Iterable[Path]) -> None:
    """Files, and folders with all they hold; one that is gone already is fine. Raises `SettingsError`."""
    for path in paths:
        try:
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
        except OSError as error:
            raise SettingsError(f"{path} cannot be removed: {error.strerror}") from error


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    return (path for path in paths if path.is_file() and not path.is_symlink())


def _last_written(path: Path) -> date:
    """The UTC day; of a folder, that of its newest file."""
    times = [path.stat().st_mtime, *(inner.stat().st_mtime for inner in path.rglob("*"))]
    return datetime.fromtimestamp(max(times), UTC).date()
