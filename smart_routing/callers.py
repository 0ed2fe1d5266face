"""Who may call a port that is not for everybody: holders of a token in a file, or this machine alone."""

import hmac
import ipaddress
from pathlib import Path

from smart_routing.errors import SettingsError


def read_token(path: Path) -> bytes:
    """The token in a file, blanks around it left out; raises `SettingsError` where there is none."""
    try:
        token = path.read_bytes().strip()
    except OSError as error:
        raise SettingsError(f"token file {path} cannot be read: {error.strerror}") from error
    if not token:
        raise SettingsError(f"token file {path} is empty: expected a token")
    return token


def is_bearer(authorization: str, token: bytes) -> bool:
    """Whether the value of an Authorization header is that of the token."""
    return hmac.compare_digest(authorization.encode(), b"Bearer " + token)


def is_loopback(host: str) -> bool:
    """Whether `host` is an address of this machine's loopback, or its name."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
