"""Retention enforced by its command, over a real store and files."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from smart_routing.querylog.store import open_store
from tests.shell import Shell, own_environment
from tests.unit.querylog.samples import record

pytestmark = pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType")  # MLflow's, on import


@pytest.mark.service
def test_what_was_kept_long_enough_goes_and_a_dry_run_only_tells(
    tmp_path: Path, prefect_server: str, postgres_url: str
) -> None:
    now = datetime.now(UTC)
    long_ago = now - timedelta(days=8)
    store = open_store(postgres_url)
    store.append([record("old", long_ago), record("new", now)])
    log = tmp_path / "decision-log"
    log.mkdir()
    for moment in (long_ago, now):
        (log / f"decisions-{moment.date()}.1-a.jsonl").write_text("")
    environment = own_environment(
        tmp_path,
        PREFECT_API_URL=prefect_server,
        SMART_ROUTING_QUERY_LOG_STORE=postgres_url,
        SMART_ROUTING_RETENTION_EVENTS_DAYS="7",
        SMART_ROUTING_RETENTION_DECISIONS_DAYS="7",
    )
    counts = {"files of decisions": 1, "reports": 0, "files of rejects": 0, "query events": 1}
    dry = Shell(environment).flow("enforce_retention", "--dry-run")
    assert {one["what"]: one["count"] for one in dry["removed"]} == counts
    assert len(list(store.read())) == len(list(log.iterdir())) == 2

    done = Shell(environment).flow("enforce_retention")
    assert {one["what"]: one["count"] for one in done["removed"]} == counts
    assert [found.query_id for found in store.read()] == ["new"]
    assert [file.name for file in log.iterdir()] == [f"decisions-{now.date()}.1-a.jsonl"]
