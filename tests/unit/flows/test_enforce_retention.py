"""How many days stay."""

from datetime import date

import pytest

from flows.enforce_retention import Removed, RetentionSummary, first_kept


@pytest.mark.parametrize(("days", "first"), [(1, date(2026, 10, 9)), (7, date(2026, 10, 3)), (365, date(2025, 10, 10))])
def test_the_oldest_day_that_stays_is_kept_whole(days: int, first: date) -> None:
    assert first_kept(date(2026, 10, 10), days) == first


@pytest.mark.parametrize(("dry_run", "verb"), [(False, "removed"), (True, "would be removed")])
def test_summary_says_what_is_gone(dry_run: bool, verb: str) -> None:
    one = Removed(what="reports", count=2, place="var/reports", before="2026-10-03")
    summary = RetentionSummary(dry_run=dry_run, removed=(one,))
    assert str(summary) == f"{verb}: 2 reports of before 2026-10-03 in var/reports"
    assert summary.as_json()["removed"][0] == {
        "what": "reports",
        "count": 2,
        "place": "var/reports",
        "before": "2026-10-03",
    }
