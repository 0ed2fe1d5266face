"""A reply on the data port: its bytes and how they go out, in two messages and nothing else."""

import msgspec
from starlette.types import Send

from serving.http.headers import header_name
from smart_routing.protocol import HEADER_MODEL_VERSION

_JSON = (b"content-type", b"application/json")
_VERSION = header_name(HEADER_MODEL_VERSION)


class Reply(msgspec.Struct, frozen=True):
    """JSON, and the model version that the header tells, if any."""

    content: bytes
    status: int = 200
    model_version: str | None = None

    async def send(self, send: Send) -> None:
        headers = [(b"content-length", b"%d" % len(self.content)), _JSON]
        if self.model_version:
            headers.append((_VERSION, self.model_version.encode("latin-1")))
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": self.content})
