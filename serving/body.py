"""A request's body, up to a bound."""

from starlette.requests import ClientDisconnect, Request

from smart_routing.errors import RequestError, RequestTooLargeError


async def read_bounded(request: Request, *, max_bytes: int) -> bytes:
    """The body; raises `RequestTooLargeError` as soon as it is known to be over `max_bytes`."""
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > max_bytes:
        raise RequestTooLargeError(f"body has {declared} bytes: expected at most {max_bytes}")
    content = bytearray()
    try:
        async for chunk in request.stream():
            content += chunk
            if len(content) > max_bytes:
                raise RequestTooLargeError(f"body has more than {max_bytes} bytes")
    except ClientDisconnect as error:
        raise RequestError("the client went away before its body was complete") from error
    return bytes(content)
