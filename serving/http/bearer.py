"""Bearer tokens from files: what the admin port and the collector ask of whoever calls."""

import logging
from pathlib import Path

from fastapi import HTTPException, Request

from smart_routing.callers import is_bearer, read_token
from smart_routing.errors import SettingsError
from smart_routing.logs import log_event

_log = logging.getLogger(__name__)


def check_token(request: Request, token_file: Path) -> None:
    """Raises a 401 unless the request has the token, a 503 where the file cannot tell; it is read at each request."""
    try:
        token = read_token(token_file)
    except SettingsError as error:
        log_event(_log, "token_unreadable", level=logging.ERROR, reason=str(error))
        raise HTTPException(503, "the token cannot be read", {"Retry-After": "1"}) from error
    if not is_bearer(request.headers.get("authorization", ""), token):
        raise HTTPException(401, "a bearer token is expected", {"WWW-Authenticate": "Bearer"})
