"""Structured logs: one JSON object a line, without SQL, literals or secrets."""

import json
import logging
import re
from datetime import UTC, datetime
from traceback import extract_tb
from typing import Any, Final, TextIO

from smart_routing.errors import SmartRoutingError

REDACTED: Final = "[redacted]"
_SECRET_KEYS: Final = frozenset({"authorization", "token", "password", "secret", "sql", "sqltext", "sql_text", "body"})
_SECRET_TEXT: Final = (
    (re.compile(r"\b(bearer|basic)\s+\S+", re.IGNORECASE), rf"\1 {REDACTED}"),
    (re.compile(r"(authorization['\"]?\s*[:=]\s*['\"]?)(?!bearer|basic)[^\s'\",]+", re.IGNORECASE), rf"\1{REDACTED}"),
    (re.compile(r"(\w+://)[^/\s:@]*:[^/\s@]+@"), rf"\1{REDACTED}@"),
)


def log_event(logger: logging.Logger, event: str, *, level: int = logging.INFO, **fields: object) -> None:
    """Log one event; `fields` are ids, names, numbers and reasons, never a statement."""
    logger.log(level, event, extra={"fields": fields})


def reason_of(error: Exception) -> str:
    """What may be logged of it: an error of ours says what failed; another's message may quote a statement."""
    return str(error) if isinstance(error, SmartRoutingError) else type(error).__name__


def place_of(error: Exception) -> str:
    """Where in the code it was raised: function:line."""
    last = extract_tb(error.__traceback__)[-1]
    return f"{last.name}:{last.lineno}"


class JsonFormatter(logging.Formatter):
    """A record as one line of JSON. Of an exception only type and places are told: messages may quote a statement."""

    def format(self, record: logging.LogRecord) -> str:
        document: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": redact(record.getMessage()),
        }
        document |= {key: _safe(key, value) for key, value in getattr(record, "fields", {}).items()}
        if record.exc_info and record.exc_info[1] is not None:
            document |= _exception(record.exc_info[1])
        return json.dumps(document, default=str)


def redact(text: str) -> str:
    """`text` without credentials."""
    for pattern, replacement in _SECRET_TEXT:
        text = pattern.sub(replacement, text)
    return text


def configure_logging(stream: TextIO, *, level: int = logging.INFO) -> None:
    """Send every logger's records to `stream` as JSON, uvicorn's included, unless the root logger has a handler."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=level, handlers=[handler])
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
    for name in ("uvicorn.access", "httpx", "httpcore", "botocore"):
        logging.getLogger(name).setLevel(logging.WARNING)  # a line for every request, every poll, every client


def _safe(key: str, value: object) -> object:
    if key.lower() in _SECRET_KEYS:
        return REDACTED
    return redact(value) if isinstance(value, str) else value


def _exception(error: BaseException) -> dict[str, Any]:
    frames = extract_tb(error.__traceback__)
    return {"error": type(error).__name__, "where": [f"{frame.name}:{frame.lineno}" for frame in frames[-5:]]}
