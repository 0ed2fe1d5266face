"""What flows report tells neither who asked nor what."""

import html
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from infra.local.loop import EVENTS
from smart_routing.querylog.records import QueryRecord
from smart_routing.querylog.source import read_query_log
from tests.integration.test_drift_report import serve
from tests.shell import Shell, own_environment

pytestmark = pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType")  # MLflow's, on import

END = datetime(2026, 10, 11, tzinfo=UTC)
BEGINNING = 60
"""Characters of a statement that no page has by chance."""


def secrets(records: list[QueryRecord]) -> set[str]:
    """Users, and beginnings of statements as text, JSON and HTML have them."""
    texts = {record.sql[:BEGINNING] for record in records if len(record.sql) > BEGINNING}
    escaped = {json.dumps(text)[1:-1] for text in texts} | {html.escape(text) for text in texts}
    return {record.user for record in records} | texts | escaped


def test_reports_have_neither_users_nor_statements(
    mlflow_tracking_uri: str, prefect_server: str, tmp_path: Path
) -> None:
    serve(mlflow_tracking_uri, tmp_path)
    shell = Shell(
        own_environment(
            tmp_path / "site",
            PREFECT_HOME=str(tmp_path / "prefect"),
            PREFECT_API_URL=prefect_server,
            SMART_ROUTING_REGISTRY_URI=mlflow_tracking_uri,
            SMART_ROUTING_MONITORING_REPORTS=str(tmp_path / "reports"),
        )
    )
    report = shell.flow("report_drift", "--events", str(EVENTS), "--as-of", END.isoformat())
    day = [record for record in read_query_log(EVENTS, rejects=None) if END - timedelta(1) <= record.create_time < END]
    pages = {file: file.read_text(errors="replace") for file in (tmp_path / "reports").rglob("*") if file.is_file()}
    assert report["current_rows"] > 100
    assert Path(report["html"]) in pages
    assert len(secrets(day)) > 100
    assert {(file.name, secret) for file, text in pages.items() for secret in secrets(day) if secret in text} == set()
