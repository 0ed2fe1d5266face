"""The data port's listening socket: who is accepted, how fast, and how it ends."""

import asyncio
import ctypes
import errno
import logging
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from smart_routing.errors import SettingsError
from smart_routing.logs import log_event

_log = logging.getLogger(__name__)

BACKLOG: Final = 2048
AT_ONCE: Final = 64
"""Connections that are accepted before requests have their turn; few enough that other workers get some of a burst."""

RETRY_SECONDS: Final = 0.5
_EXHAUSTED: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})

_SO_ATTACH_FILTER: Final = 26  # of Linux; the socket module does not name it
_DROP_SYN: Final = (
    (0x30, 0, 0, 13),  # load the byte of the TCP header that has the flags
    (0x54, 0, 0, 0x12),  # keep SYN and ACK
    (0x15, 0, 1, 0x02),  # SYN alone?
    (0x06, 0, 0, 0),  # drop
    (0x06, 0, 0, 0xFFFFFFFF),  # pass
)
"""Classic BPF (linux/filter.h): code, jump if true, jump if false, operand."""


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


class Acceptor:
    """Listens, and accepts all who wait: uvloop takes one at each turn of its loop, and under load a turn is long."""

    def __init__(self, listener: socket.socket, make: Callable[[], asyncio.Protocol]) -> None:
        self._listener = listener
        self._make = make
        self._loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._retry: asyncio.TimerHandle | None = None
        listener.listen(BACKLOG)
        self._open()

    def close(self) -> None:
        """The socket stays, for whoever else accepts from it."""
        self._loop.remove_reader(self._listener)
        if self._retry is not None:
            self._retry.cancel()

    def _open(self) -> None:
        self._loop.add_reader(self._listener, self._accept)

    def _accept(self) -> None:
        for _ in range(AT_ONCE):
            try:
                connection, _ = self._listener.accept()
            except OSError as error:
                self._give_up(error)
                return
            connection.setblocking(False)
            task = self._loop.create_task(self._loop.connect_accepted_socket(self._make, connection))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _give_up(self, error: OSError) -> None:
        """Nobody waits, or there is no room: then not again at once, since who waits would keep the loop busy."""
        if error.errno not in _EXHAUSTED:
            return
        log_event(_log, "connections_not_accepted", level=logging.ERROR, reason=error.strerror)
        self._loop.remove_reader(self._listener)
        self._retry = self._loop.call_later(RETRY_SECONDS, self._open)
