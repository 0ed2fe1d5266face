"""Enforce retention: remove decisions, query events and reports that were kept as long as they are to be."""

from argparse import Namespace
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.logging import get_run_logger

from flows.command import CommandParser, run
from flows.query_events import open_query_log_store
from monitoring.retention import first_kept, old_decisions, old_files, old_reports, remove
from smart_routing.logs import redact
from smart_routing.settings import (
    CollectorSettings,
    MonitoringSettings,
    QueryLogSettings,
    RetentionSettings,
    ServingSettings,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Removed:
    """What of one kind was removed, from where, and the first UTC day that stays."""

    what: str
    count: int
    place: str
    before: str

    def __str__(self) -> str:
        return f"{self.count} {self.what} of before {self.before} in {self.place}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionSummary:
    """All that was removed, or with `dry_run` would be."""

    dry_run: bool
    removed: tuple[Removed, ...]

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    def __str__(self) -> str:
        verb = "would be removed" if self.dry_run else "removed"
        return "\n".join(f"{verb}: {one}" for one in self.removed)


@flow(name="enforce-retention")
def enforce_retention_flow(dry_run: bool = False) -> RetentionSummary:
    """Files first: a store that does not answer fails the run, and they are gone all the same."""
    settings, today = RetentionSettings.load(), datetime.now(UTC).date()
    removed = (
        remove_decisions(first_kept(today, settings.decisions_days), dry_run=dry_run),
        remove_reports(first_kept(today, settings.reports_days), dry_run=dry_run),
        remove_rejects(first_kept(today, settings.events_days), dry_run=dry_run),
        remove_events(first_kept(today, settings.events_days), dry_run=dry_run),
    )
    summary = RetentionSummary(dry_run=dry_run, removed=removed)
    get_run_logger().info("%s", summary)
    return summary


@task(cache_policy=NO_CACHE)
def remove_decisions(before: date, *, dry_run: bool) -> Removed:
    folder = ServingSettings.load().decision_log
    found = old_decisions(folder, before) if folder else []
    return _remove(found, "files of decisions", place=str(folder or "no decision log"), before=before, dry_run=dry_run)


@task(cache_policy=NO_CACHE)
def remove_reports(before: date, *, dry_run: bool) -> Removed:
    reports = MonitoringSettings.load().reports
    return _remove(old_reports(reports, before), "reports", place=str(reports), before=before, dry_run=dry_run)


@task(cache_policy=NO_CACHE)
def remove_rejects(before: date, *, dry_run: bool) -> Removed:
    """Bodies and lines that were no usable events may hold statements; the collector keeps two files of them."""
    files = (QueryLogSettings.load().rejects, own := CollectorSettings.load().rejects, own.with_name(f"{own.name}.1"))
    place = ", ".join(map(str, files))
    return _remove(old_files(files, before), "files of rejects", place=place, before=before, dry_run=dry_run)


@task(cache_policy=NO_CACHE)
def remove_events(before: date, *, dry_run: bool) -> Removed:
    settings = QueryLogSettings.load()
    count = open_query_log_store(settings).delete_before(before, dry_run=dry_run)
    return Removed(what="query events", count=count, place=redact(settings.store), before=before.isoformat())


def _remove(paths: Sequence[Path], what: str, *, place: str, before: date, dry_run: bool) -> Removed:
    if not dry_run:
        remove(paths)
    return Removed(what=what, count=len(paths), place=place, before=before.isoformat())


def main() -> None:
    parser = CommandParser(module="flows.enforce_retention", description=str(__doc__))
    parser.add_argument("--dry-run", action="store_true", help="tell what would be removed, and remove nothing")
    run(parser, _command)


def _command(options: Namespace) -> RetentionSummary:
    return enforce_retention_flow(options.dry_run)


if __name__ == "__main__":
    main()
