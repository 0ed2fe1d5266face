"""The data port's HTTP server: uvicorn on uvloop and httptools, with an end that loses no request."""

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import uvicorn
import uvloop
from starlette.types import ASGIApp
from uvicorn.protocols.http.flow_control import CLOSE_HEADER
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from serving.process.accepting import Acceptor, refuse_connections
from serving.process.connection import Connection
from smart_routing.errors import SettingsError

KEEP_ALIVE_SECONDS: Final = 75
"""Longer than the minute that trino-gateway's client keeps a connection, so that it is not ours that ends first."""

HANDSHAKE_SECONDS: Final = 0.05
ABANDON_SECONDS: Final = 5
"""After these a request whose body never came is given up."""


class Server(uvicorn.Server):
    """Ends in three steps: no new connection, `Connection: close` on what still comes, then those that stay silent.

    uvicorn alone closes idle keep-alive connections, and what waits to be accepted, at once: a request that was on its
    way then is lost.
    """

    def __init__(
        self, config: uvicorn.Config, *, drain_seconds: float, owns_listener: bool, beat: Callable[[], None]
    ) -> None:
        """`drain_seconds` is how long silent connections stay; `owns_listener`: no other process accepts from it.

        `beat` is called about ten times a second while the event loop turns.
        """
        super().__init__(config)
        self._beat = beat
        self._drain_seconds = drain_seconds
        self._owns_listener = owns_listener
        self._acceptors: list[Acceptor] = []

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=[])  # the application; it listens to nothing
        try:
            self._acceptors = [Acceptor(listener, self._connection) for listener in sockets or ()]
        except OSError as error:
            await self.lifespan.shutdown()
            raise SettingsError(f"data port: another process listens there: {error.strerror}") from error

    async def on_tick(self, counter: int) -> bool:
        self._beat()
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for listener in (sockets or ()) if self._owns_listener else ():
            refuse_connections(listener)
        self.server_state.default_headers = [*self.server_state.default_headers, CLOSE_HEADER]
        for connection in self.server_state.connections:
            if isinstance(connection, HttpToolsProtocol) and connection.cycle is not None:
                connection.cycle.keep_alive = False
        await self._drain()
        for acceptor in self._acceptors:
            acceptor.close()
        await super().shutdown(sockets)

    async def _drain(self) -> None:
        await asyncio.sleep(HANDSHAKE_SECONDS)
        ends = asyncio.get_running_loop().time() + self._drain_seconds
        while self.server_state.connections and asyncio.get_running_loop().time() < ends:
            await asyncio.sleep(0.01)

    def _connection(self) -> Connection:
        return Connection(self.config, self.server_state, self.lifespan.state)


def unheard() -> None:
    """A beat that nobody listens to."""


def serve(
    app: ASGIApp,
    listener: socket.socket,
    *,
    drain_seconds: float,
    owns_listener: bool,
    beat: Callable[[], None] = unheard,
) -> None:
    """`app` on `listener` until a signal, which after the drain ends the process as signals do.

    Raises `SettingsError` where another process listens there: sockets that do not listen yet may share an address.
    """
    server = Server(_config(app), drain_seconds=drain_seconds, owns_listener=owns_listener, beat=beat)
    with suppress(KeyboardInterrupt), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(server.serve(sockets=[listener]))


def _config(app: ASGIApp) -> uvicorn.Config:
    """Logs are the process's; headers that say who serves or where a proxy was are left out."""
    return uvicorn.Config(
        app,
        http=Connection,
        ws="none",
        interface="asgi3",
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=ABANDON_SECONDS,
    )
