"""Servers of the test's own, in a thread of this process."""

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

Listener = TypeVar("Listener", bound=socketserver.TCPServer)


@contextmanager
def serving(server: Listener) -> Iterator[Listener]:
    with server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
