"""`Connection`: HTTP/1.1 by httptools as uvicorn has it, with bounds on what a client may send or leave unsent."""

import asyncio
from typing import Any, Final

import httptools
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol
from uvicorn.server import ServerState

MAX_HEAD_BYTES: Final = 2**18
"""Of the target and the headers of a request. Prepared statements are among them: trino-gateway takes 128 kB itself."""

ARRIVAL_SECONDS: Final = 30.0
"""From the beginning of a connection, or the first byte of a later request, to the last byte of the request."""

LOOK_SECONDS: Final = 5.0
"""Between two looks at whether a request is late: a timer for each would cost more than to parse it."""


class Connection(HttpToolsProtocol):
    """Closes where a request does not come, refuses a head that is too long, and stays with HTTP/1.1.

    uvicorn too does not upgrade, but it loses the body of a request that asks for an upgrade: Java's own client asks
    with each, unless it is told not to.
    """

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        arrival_seconds: float = ARRIVAL_SECONDS,
        look_seconds: float = LOOK_SECONDS,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._arrival_seconds = arrival_seconds
        self._look_seconds = look_seconds
        self._look: asyncio.TimerHandle | None = None
        self._awaited_since: float | None = None
        self._read_bytes = 0
        self._in_head = True

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        super().connection_made(transport)
        self._awaited_since = self.loop.time()
        self._look_for_request()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self._look is not None:
            self._look.cancel()

    def data_received(self, data: bytes) -> None:
        self._unset_keepalive_if_required()
        if self._awaited_since is None:
            self._awaited_since = self.loop.time()
        self._read_bytes += len(data)
        try:
            self._feed(data)
        except httptools.HttpParserError:
            self._refuse(400)
            return
        if self._in_head and self._read_bytes > MAX_HEAD_BYTES:
            self._refuse(431)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head = True
        if self._awaited_since is None:
            self._awaited_since = self.loop.time()

    def on_headers_complete(self) -> None:
        self._in_head = False
        super().on_headers_complete()
        self.headers = self.headers.copy()  # to which trailers go, while the request keeps the headers of its head

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._awaited_since = None
        self._read_bytes = 0

    def _feed(self, data: bytes) -> None:
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._stay(memoryview(data)[upgrade.args[0] :])

    def _should_upgrade(self) -> bool:
        """Of a request that asks for an upgrade: whether uvicorn is to leave it alone, since it is asked again."""
        return self.parser.get_method() != b"CONNECT"

    def _stay(self, rest: memoryview) -> None:
        """Of a request that asked for an upgrade the parser reads the head alone: another one reads it all without."""
        while self._should_upgrade():
            head = [b"%s %s HTTP/%s" % (self.parser.get_method(), self.url, self.parser.get_http_version().encode())]
            head += [b"%s: %s" % header for header in self.headers if header[0] != b"upgrade"]
            self.parser = httptools.HttpRequestParser(self)
            self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn has it
            try:
                self.parser.feed_data(b"\r\n".join((*head, b"", b"")))
                self.parser.feed_data(rest)
                return
            except httptools.HttpParserUpgrade as upgrade:
                rest = rest[upgrade.args[0] :]

    def _refuse(self, status: int) -> None:
        self.transport.write(STATUS_LINE[status] + b"content-length: 0\r\nconnection: close\r\n\r\n")
        self.transport.close()

    def _look_for_request(self) -> None:
        since = self._awaited_since
        if since is not None and self.loop.time() - since > self._arrival_seconds:
            self.transport.close()
            return
        self._look = self.loop.call_later(self._look_seconds, self._look_for_request)
