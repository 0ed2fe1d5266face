"""Who may call a port of monitoring: holders of the token in a file, or without one this machine alone."""

import logging
from base64 import b64decode
from collections.abc import Awaitable, Callable
from pathlib import Path

from fastapi import HTTPException, Request

from smart_routing.callers import is_bearer, is_loopback, read_token
from smart_routing.errors import SettingsError
from smart_routing.logs import log_event
from smart_routing.settings import Settings

_log = logging.getLogger(__name__)


def check_port(settings: Settings, *, host: str, token_file: Path | None, what: str) -> None:
    """Raises `SettingsError` where the token cannot be read, or where without one anyone could call."""
    if token_file is not None:
        read_token(token_file)
    elif not is_loopback(host):
        name = settings.variable("token_file")
        raise SettingsError(f"{what} on {host} have no token: expected {name}, or a loopback address")


def guard(token_file: Path | None, *, page: str | None = None) -> Callable[[Request], Awaitable[None]]:
    """A dependency of every route. A browser at the path `page` is asked for a password, which stands for the token."""

    async def check(request: Request) -> None:
        if token_file is not None:
            _check_token(request, token_file, page=page)
        elif not _is_of_this_machine(request):
            raise HTTPException(401, "without a token file only loopback is answered")

    return check


def _is_of_this_machine(request: Request) -> bool:
    """From loopback, and to a name of it: a web page whose own name leads here would have a browser ask for it."""
    to, came_from = request.url.hostname, request.client
    return came_from is not None and is_loopback(came_from.host) and to is not None and is_loopback(to)


def _check_token(request: Request, token_file: Path, *, page: str | None) -> None:
    """Raises a 401 without the token, a 503 where its file cannot tell."""
    try:
        token = read_token(token_file)
    except SettingsError as error:
        log_event(_log, "token_unreadable", level=logging.ERROR, reason=str(error))
        raise HTTPException(503, "the token cannot be read", {"Retry-After": "1"}) from error
    if not is_bearer(_authorization(request), token):
        challenge = "Basic realm=explain" if request.url.path == page else "Bearer"
        raise HTTPException(401, "a bearer token is expected", {"WWW-Authenticate": challenge})


def _authorization(request: Request) -> str:
    """The header; of Basic, which is what a browser can send, the password stands for the token."""
    header = request.headers.get("authorization", "")
    scheme, _, credentials = header.partition(" ")
    if scheme.lower() != "basic":
        return header
    try:
        _, _, password = b64decode(credentials, validate=True).decode().partition(":")
    except ValueError:
        return ""
    return f"Bearer {password}"
