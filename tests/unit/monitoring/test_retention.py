"""What is older than it may be is found, and nothing else."""

import os
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from monitoring.retention import first_kept, old_decisions, old_files, old_reports, remove
from smart_routing.decision_log import DecisionLog, DecisionRecorder
from smart_routing.errors import SettingsError
from smart_routing.labels import QueryWeight
from smart_routing.request import Request
from smart_routing.routing import Reason, RoutingDecision

LIMIT = date(2026, 10, 10)
MIDNIGHT = datetime(2026, 10, 10, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def written(path: Path, moment: datetime) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("x")
    os.utime(path, (moment.timestamp(),) * 2)
    return path


def log_decision(folder: Path, moment: datetime) -> None:
    request = Request(query_id="q", user="ana", sql="select 1", submitted_at=moment)
    decision = RoutingDecision(weight=QueryWeight.LIGHT, reason=Reason.METADATA_STATEMENT)
    log = DecisionLog(folder, writer="1.a-b")
    log.append(DecisionRecorder(user_key=b"k" * 16).row(request, decision, now=moment))
    log.flush()


@pytest.mark.parametrize(("days", "first"), [(1, date(2026, 10, 9)), (7, date(2026, 10, 3)), (365, date(2025, 10, 10))])
def test_the_oldest_day_that_stays_is_kept_whole(days: int, first: date) -> None:
    assert first_kept(date(2026, 10, 10), days) == first


def test_files_of_decisions_go_by_their_day(tmp_path: Path) -> None:
    for moment in (MIDNIGHT - timedelta(days=40), MIDNIGHT - SECOND, MIDNIGHT, MIDNIGHT + timedelta(days=1)):
        log_decision(tmp_path, moment)
    others = [written(tmp_path / name, MIDNIGHT - timedelta(days=99)) for name in ("notes.txt", "decisions-x.1.jsonl")]
    found = old_decisions(tmp_path, LIMIT)
    assert [path.name for path in found] == ["decisions-2026-08-31.1.a-b.jsonl", "decisions-2026-10-09.1.a-b.jsonl"]
    remove(found)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "decisions-2026-10-10.1.a-b.jsonl",
        "decisions-2026-10-11.1.a-b.jsonl",
        *sorted(path.name for path in others),
    ]


def test_reports_go_by_when_they_were_last_written(tmp_path: Path) -> None:
    old = tmp_path / "2026-10-09T0000Z-v1-abcdef"
    kept = tmp_path / "2026-01-01T0000Z-v1-abcdef"  # of old statements, but written now
    for folder, moment in ((old, MIDNIGHT - SECOND), (kept, MIDNIGHT)):
        written(folder / "drift.json", moment)
        os.utime(folder, (moment.timestamp(),) * 2)
    written(tmp_path / "truth.json", MIDNIGHT - timedelta(days=99))
    assert old_reports(tmp_path, LIMIT) == [old]
    remove([old])
    assert {path.name for path in tmp_path.iterdir()} == {kept.name, "truth.json"}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of what Evidently imports
def test_runs_of_the_workspace_go_and_its_project_stays(tmp_path: Path) -> None:
    from evidently import Report  # takes seconds that only this test pays
    from evidently.presets import DataSummaryPreset
    from evidently.ui.workspace import Workspace

    workspace = Workspace.create(str(tmp_path / "workspace"))
    project = workspace.create_project("drift")
    run = Report([DataSummaryPreset()]).run(pd.DataFrame({"joins": [1, 2, 3]}))
    workspace.add_run(project.id, run)
    (old,) = (tmp_path / "workspace").rglob("snapshots/*.json")
    workspace.add_run(project.id, run)
    os.utime(old, ((MIDNIGHT - SECOND).timestamp(),) * 2)
    found = old_reports(tmp_path, LIMIT)
    assert found == [old]
    remove(found)
    assert len(workspace.list_runs(project.id)) == 1
    assert [one.name for one in workspace.list_projects()] == ["drift"]


def test_files_that_are_not_there_are_not_found(tmp_path: Path) -> None:
    old, new = (
        written(tmp_path / name, moment) for name, moment in (("old", MIDNIGHT - SECOND), ("new", MIDNIGHT + SECOND))
    )
    assert old_files([old, new, tmp_path / "none"], LIMIT) == [old]
    assert old_decisions(tmp_path / "none", LIMIT) == old_reports(tmp_path / "none", LIMIT) == []


def test_links_are_left_alone(tmp_path: Path) -> None:
    target = written(tmp_path / "elsewhere" / "decisions-2026-01-01.1.jsonl", MIDNIGHT)
    (tmp_path / "log").mkdir()
    (tmp_path / "log" / target.name).symlink_to(target)
    assert old_decisions(tmp_path / "log", LIMIT) == []


def test_what_is_gone_already_is_fine_and_what_cannot_go_is_named(tmp_path: Path) -> None:
    remove([tmp_path / "gone"])
    (tmp_path / "file").write_text("x")
    with pytest.raises(SettingsError, match=r"file/below cannot be removed: Not a directory"):
        remove([tmp_path / "file" / "below"])
