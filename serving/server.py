"""The data port's HTTP server: uvicorn on uvloop and httptools, with an end that loses no request."""

import asyncio
import ctypes
import socket
import struct
from contextlib import suppress
from typing import Final

import uvicorn
import uvloop
from starlette.types import ASGIApp
from uvicorn.protocols.http.flow_control import CLOSE_HEADER
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from smart_routing.errors import SettingsError

KEEP_ALIVE_SECONDS: Final = 75
"""Longer than the minute that trino-gateway's client keeps a connection, so that it is not ours that ends first."""

HANDSHAKE_SECONDS: Final = 0.05
ABANDON_SECONDS: Final = 5
"""After these a request whose body never came is given up."""

_SO_ATTACH_FILTER: Final = 26  # of Linux; the socket module does not name it
_DROP_SYN: Final = (
    (0x30, 0, 0, 13),  # load the byte of the TCP header that has the flags
    (0x54, 0, 0, 0x12),  # keep SYN and ACK
    (0x15, 0, 1, 0x02),  # SYN alone?
    (0x06, 0, 0, 0),  # drop
    (0x06, 0, 0, 0xFFFFFFFF),  # pass
)
"""Classic BPF (linux/filter.h): code, jump if true, jump if false, operand."""


class Server(uvicorn.Server):
    """Ends in three steps: no new connection, `Connection: close` on what still comes, then those that stay silent.

    uvicorn alone closes idle keep-alive connections, and what waits to be accepted, at once: a request that was on its
    way then is lost.
    """

    def __init__(self, config: uvicorn.Config, *, drain_seconds: float, owns_listener: bool) -> None:
        """`drain_seconds` is how long silent connections stay; `owns_listener`: no other process accepts from it."""
        super().__init__(config)
        self._drain_seconds = drain_seconds
        self._owns_listener = owns_listener

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for listener in sockets or () if self._owns_listener else ():
            refuse_connections(listener)
        self.server_state.default_headers = [*self.server_state.default_headers, CLOSE_HEADER]
        for connection in self.server_state.connections:
            if isinstance(connection, HttpToolsProtocol) and connection.cycle is not None:
                connection.cycle.keep_alive = False
        await self._drain()
        await super().shutdown(sockets)

    async def _drain(self) -> None:
        await asyncio.sleep(HANDSHAKE_SECONDS)
        ends = asyncio.get_running_loop().time() + self._drain_seconds
        while self.server_state.connections and asyncio.get_running_loop().time() < ends:
            await asyncio.sleep(0.01)


def serve(app: ASGIApp, listener: socket.socket, *, drain_seconds: float, owns_listener: bool) -> None:
    """`app` on `listener` until a signal, which after the drain ends the process as signals do."""
    server = Server(_config(app), drain_seconds=drain_seconds, owns_listener=owns_listener)
    with suppress(KeyboardInterrupt), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(server.serve(sockets=[listener]))


def _config(app: ASGIApp) -> uvicorn.Config:
    """Logs are the process's; headers that say who serves or where a proxy was are left out."""
    return uvicorn.Config(
        app,
        http=HttpToolsProtocol,
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


def bind(host: str, port: int) -> socket.socket:
    """A socket that does not listen yet: callers are refused until there is an answer. Raises `SettingsError`."""
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise SettingsError(f"data port: {host} port {port} cannot be had: {error.strerror}") from error
    listener.setblocking(False)
    return listener


def refuse_connections(listener: socket.socket) -> None:
    """From now on the kernel ignores whoever wants to connect, while what it has promised can still be accepted.

    Closing a listening socket resets the connections that wait to be accepted, with the requests in them. Who is
    ignored tries again a second later, and is refused or finds another process. Without such filters nothing happens.
    """
    program = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in _DROP_SYN))
    with suppress(OSError):
        pointer = struct.pack("HP", len(_DROP_SYN), ctypes.addressof(program))
        listener.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, pointer)
