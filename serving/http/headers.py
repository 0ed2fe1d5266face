"""A request's headers as ASGI has them: bytes by lower-case name, without an object for each request."""

from collections.abc import Mapping

from starlette.types import Scope

Headers = Mapping[bytes, bytes]


def headers_of(scope: Scope) -> Headers:
    """Of a name that comes more than once, the first."""
    return dict(reversed(list(scope["headers"])))


def header_name(name: str) -> bytes:
    """As it is a key of `Headers`."""
    return name.lower().encode("latin-1")


def text(headers: Headers, name: bytes) -> str | None:
    """The value of a header; None where there is none."""
    value = headers.get(name)
    return None if value is None else value.decode("latin-1")
