"""A request's body, up to a bound."""

from starlette.requests import Request
from starlette.types import Receive

from serving.http.headers import Headers, headers_of
from smart_routing.errors import RequestError, RequestTooLargeError


async def read_bounded(request: Request, *, max_bytes: int) -> bytes:
    """The body of a request that Starlette has read the head of; raises what `read_content` does."""
    return await read_content(headers_of(request.scope), request.receive, max_bytes=max_bytes)


async def read_content(headers: Headers, receive: Receive, *, max_bytes: int) -> bytes:
    """The body; raises `RequestTooLargeError` as soon as it is known to be over `max_bytes`."""
    if _is_over(headers.get(b"content-length", b""), max_bytes):
        raise RequestTooLargeError(f"body has more bytes than may be: expected at most {max_bytes}")
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body", False):
        return _within(message.get("body", b""), max_bytes)
    content = bytearray()
    while message["type"] == "http.request":
        content += _within(message.get("body", b""), max_bytes - len(content))
        if not message.get("more_body", False):
            return bytes(content)
        message = await receive()
    raise RequestError("the client went away before its body was complete")


def _is_over(declared: bytes, most: int) -> bool:
    """Compared as digits: `int` refuses more than 4,300 of them, leading zeros among them."""
    digits, bound = declared.lstrip(b"0"), b"%d" % most
    return declared.isdigit() and (len(digits), digits) > (len(bound), bound)


def _within(chunk: bytes, room: int) -> bytes:
    if len(chunk) > room:
        raise RequestTooLargeError("body has more bytes than may be")
    return chunk
