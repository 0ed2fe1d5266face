"""The admin port's listener: a second uvicorn server in the data port's event loop."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Final

import uvicorn
from starlette.types import ASGIApp

from serving.process.connection import Connection
from smart_routing.errors import SettingsError

PORTS_TRIED: Final = 16


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are the data port's; it ends this server in its lifespan."""
        yield


def bind(host: str, port: int) -> socket.socket:
    """A listening socket on the first free port from `port` on; raises `SettingsError` where none of 16 is.

    Each worker so has a port of its own. Sharing one (SO_REUSEPORT) would answer every scrape with the counters of
    another worker, and leaving it to the first would hide the rest.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for candidate in range(port, min(port + PORTS_TRIED, 65536)):
        listener = socket.socket(family)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, candidate))
            listener.listen(64)
        except OSError:
            listener.close()
            continue
        listener.setblocking(False)
        return listener
    raise SettingsError(f"admin port: none of {port} to {port + PORTS_TRIED - 1} on {host} can be had")


@asynccontextmanager
async def listening(app: ASGIApp, listener: socket.socket) -> AsyncIterator[None]:
    """Serves `app` on `listener` until the block ends."""
    config = uvicorn.Config(
        app, http=Connection, ws="none", lifespan="off", log_config=None, access_log=False, timeout_graceful_shutdown=2
    )
    server = _Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield
    finally:
        server.should_exit = True
        await serving
