import io
import json
import logging
from typing import Any

import pytest

from smart_routing.errors import SpillError
from smart_routing.logs import JsonFormatter, log_event, reason_of, redact


def logged(event: str, **fields: Any) -> dict[str, Any]:
    logger, stream = logging.Logger("test"), io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    logger.addHandler(handler)
    log_event(logger, event, **fields)
    (line,) = stream.getvalue().splitlines()
    document: dict[str, Any] = json.loads(line)
    return document


def test_event_is_one_line_of_json() -> None:
    document = logged("model_loaded", model_version="v1-abcdef", reason="two\nlines")
    assert (document["event"], document["level"], document["model_version"]) == ("model_loaded", "info", "v1-abcdef")
    assert document["reason"] == "two\nlines"


@pytest.mark.parametrize("field", ["authorization", "Authorization", "token", "sql", "sqlText"])
def test_secret_fields_are_redacted(field: str) -> None:
    assert logged("x", **{field: "zanzibar4711"})[field] == "[redacted]"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("Authorization: Bearer zanzibar4711", id="bearer"),
        pytest.param("authorization: basic zanzibar4711", id="basic"),
        pytest.param("{'authorization': 'zanzibar4711'}", id="header-of-another-kind"),
        pytest.param("http://ana:zanzibar4711@registry:5000/api", id="url"),
    ],
)
def test_credentials_in_a_text_are_redacted(text: str) -> None:
    assert "zanzibar4711" not in redact(text)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        pytest.param(SpillError("the spill is full"), "the spill is full", id="ours"),
        pytest.param(ValueError("near zanzibar4711"), "ValueError", id="another"),
    ],
)
def test_reason_of_an_error_quotes_no_statement(error: Exception, reason: str) -> None:
    assert reason_of(error) == reason


def test_exception_is_told_without_its_message() -> None:
    try:
        raise ValueError("near zanzibar4711")
    except ValueError as error:
        record = logging.LogRecord("l", logging.ERROR, "f", 1, "failed", (), (ValueError, error, error.__traceback__))
    line = JsonFormatter().format(record)
    assert json.loads(line)["error"] == "ValueError"
    assert "zanzibar4711" not in line
