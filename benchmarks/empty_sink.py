"""An ASGI application that does nothing with an event but what no sink can leave out: read it, write it, answer 200."""

import os
from pathlib import Path
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

FILE_VARIABLE: Final = "EMPTY_SINK_FILE"
PATH: Final = "/sink/"
_REPLY: Final = b'{"outcome":"accepted"}'


def create_app() -> ASGIApp:
    """Appends to the file in `EMPTY_SINK_FILE`; of the body of POST /sink/<n> the first n bytes and a line break."""
    handle = os.open(Path(os.environ[FILE_VARIABLE]), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] == "POST":
            body = await _body(receive)
            os.write(handle, body[: int(scope["path"].removeprefix(PATH))] + b"\n")
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(_REPLY)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": _REPLY})

    return app


async def _body(receive: Receive) -> bytes:
    chunks, more = [], True
    while more:
        message = await receive()
        chunks.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(chunks)
