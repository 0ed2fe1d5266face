"""The page and the files of a report."""

import json
import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from monitoring.drift.signals import drift_signals, last_windows
from monitoring.files import write_report
from monitoring.frame import monitoring_frame
from monitoring.markdown import told_in_markdown
from monitoring.page import PageContent, drawable, page_columns, write_page
from monitoring.policy import Verdict, judge
from monitoring.reference import Reference
from monitoring.thresholds import read_thresholds
from monitoring.window import Window
from monitoring.workspace import keep
from smart_routing.errors import SettingsError
from smart_routing.inference import Model
from tests.unit.monitoring.samples import WINDOW_DAY, Fleet

THRESHOLDS = read_thresholds()
DAY = timedelta(days=1)
WINDOW = Window.before(WINDOW_DAY + DAY, DAY)


def content(reference: Reference, model: Model, *, rows: int = 400) -> PageContent:
    fleet = Fleet(joins=(0.05, 0.1, 0.15, 0.3, 0.4))
    days = (WINDOW_DAY, WINDOW_DAY - DAY)
    current = monitoring_frame([r for day in days for r in fleet.requests(rows, day=day, seed=5)], model)
    drift = drift_signals(reference, current, last_windows(WINDOW, THRESHOLDS), THRESHOLDS)
    return PageContent(
        version=model.version,
        verdict=judge(drift.signals, THRESHOLDS),
        signals=drift.signals,
        drift=drift,
        reference=reference,
        current=current,
    )


@pytest.fixture(scope="module")
def page(reference: Reference, model: Model, tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("report")
    write_report(content(reference, model), folder, THRESHOLDS)
    return (folder / "drift.html").read_text()


def test_page_opens_with_the_verdict(page: str, model: Model) -> None:
    heading = page.partition("<body>")[2].partition("</header>")[0]
    assert f"<h1>Drift of {model.version}: " in heading
    assert ">retrain</span>" in heading
    assert "of the statements are called heavy, usually" in heading


def test_page_needs_no_network(page: str) -> None:
    assert not re.findall(r'<(?:script|link|img)[^>]+(?:src|href)="http', page)


def test_page_shows_our_distances(page: str, reference: Reference, model: Model) -> None:
    joins = next(found for found in content(reference, model).drift.columns if found.column == "join_count")
    assert "PSI over the reference" in page
    assert f"{joins.distance:.6f}" in page


def test_columns_without_a_value_on_one_side_are_not_drawn(reference: Reference, model: Model, tmp_path: Path) -> None:
    whole = content(reference, model)
    columns = page_columns(whole.drift, most=3)
    current = whole.current.assign(**{columns[-1].column: np.nan})
    assert drawable(columns, reference.rows, whole.current) == columns
    assert drawable(columns, reference.rows, current) == columns[:-1]
    write_page(replace(whole, current=current), tmp_path / "drift.html", THRESHOLDS)


def test_page_columns_are_prediction_context_and_what_moved_or_matters(reference: Reference, model: Model) -> None:
    columns = [found.column for found in page_columns(content(reference, model).drift, most=4)]
    assert columns[:3] == ["heavy_probability", "tenant", "source"]
    assert columns[3:6] == ["join_keywords", "join_count", "sql_length"]
    assert len(columns) == 7


def test_page_tells_each_heard_question_once_with_a_dot_for_each_window(page: str) -> None:
    table = page.partition("<table>")[2].partition("</table>")[0]
    (joins,) = (row for row in table.split("<tr")[1:] if "<td>all</td><td>join_count is" in row)
    assert joins.startswith(" class=spoke")
    assert joins.count("<circle") == joins.count(": heard</title>") == 2


def test_names_in_signals_are_no_markup(reference: Reference, model: Model, tmp_path: Path) -> None:
    told = content(reference, model)
    named = tuple(replace(signal, tenant="<b>x</b>|`", sentence="<i>") for signal in told.signals)
    files = write_report(replace(told, signals=named, verdict=judge(named, THRESHOLDS)), tmp_path, THRESHOLDS)
    assert files.page is not None
    for text in (files.page.read_text(), told_in_markdown(replace(told, verdict=judge(named, THRESHOLDS)), files)):
        assert "<b>x" not in text
        assert "&lt;b>x" in text.replace("&gt;", ">")


def test_markdown_tells_the_verdict_and_where_the_page_is(reference: Reference, model: Model, tmp_path: Path) -> None:
    told = content(reference, model)
    lines = told_in_markdown(told, write_report(told, tmp_path, THRESHOLDS)).splitlines()
    assert lines[0].endswith(": retrain")
    assert lines[-1] == f"Page: `{tmp_path / 'drift.html'}`"
    assert any(line.startswith("| features | all | join\\_count is") for line in lines)


def test_reports_are_runs_of_one_project_in_the_workspace(reference: Reference, model: Model, tmp_path: Path) -> None:
    files = write_report(content(reference, model), tmp_path, THRESHOLDS)
    assert files.snapshot is not None
    folder = tmp_path / "workspace"
    runs = {keep(files.snapshot, address=str(folder), name=f"night {night}") for night in (1, 2)}
    (project,) = folder.iterdir()
    assert len(runs) == len(list((project / "snapshots").iterdir())) == 2
    panels = json.loads((project / "dashboard.json").read_text())["panels"]
    assert {panel["title"] for panel in panels} == {"Share of drawn columns that drifted", "Drift of the scores"}


def test_names_in_a_verdict_are_no_markup(reference: Reference, model: Model, tmp_path: Path) -> None:
    told = content(reference, model)
    hostile = replace(told, verdict=Verdict("alert", "tenant <script>alert(1)</script>"))
    write_report(hostile, tmp_path, THRESHOLDS)
    assert "tenant &lt;script&gt;alert(1)&lt;/script&gt;" in (tmp_path / "drift.html").read_text()


def test_a_report_without_data_has_no_page(reference: Reference, model: Model, tmp_path: Path) -> None:
    (tmp_path / "drift.html").write_text("of an earlier run")
    files = write_report(content(reference, model, rows=0), tmp_path, THRESHOLDS)
    assert [file.name for file in files] == ["drift.json"]
    assert [file.name for file in tmp_path.iterdir()] == ["drift.json"]


def test_a_folder_that_cannot_be_written_is_named(reference: Reference, model: Model, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match=r"report folder .*file/below cannot be written"):
        write_report(content(reference, model, rows=0), tmp_path / "file" / "below", THRESHOLDS)
