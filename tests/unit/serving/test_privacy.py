"""What a router writes and exports tells neither who asked nor what."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.served import Served

USER = "zebediah.quux"
SECRETS = (USER, "zebediah", "hidden_column", "hidden_table", "hidden literal")
SQL = "select hidden_column from hidden_table a join b on a.x = b.x where y = 'hidden literal'"
PROPERTIES = {"body": SQL, "queryType": "SELECT", "isNewQuerySubmission": True}
GATEWAY_BODY = json.dumps({"trinoQueryProperties": PROPERTIES, "trinoRequestUser": {"user": USER}}).encode()


@pytest.mark.parametrize("sql", [SQL, f"selec {SQL}", f"explain {SQL}"], ids=["parsed", "unparsable", "metadata"])
def test_no_file_metric_or_log_line_has_the_user_or_the_statement(
    serve: Callable[..., Served], tmp_path: Path, caplog: pytest.LogCaptureFixture, sql: str
) -> None:
    caplog.set_level("DEBUG")
    router = serve(vectors="all")
    router.route(sql, user=USER)
    router.gateway(GATEWAY_BODY, headers={"X-Trino-User": USER})
    assert len(router.decisions()) == 2
    written = [file.read_text(errors="replace") for file in tmp_path.rglob("*") if file.is_file()]
    assert any(router.decisions()[0].user in text for text in written)
    told = [*written, router.admin("GET", "/metrics").text, router.admin("GET", "/v1/model").text]
    told += [record.getMessage() + str(record.__dict__.get("fields", "")) for record in caplog.records]
    assert [secret for secret in SECRETS for text in told if secret in text] == []
