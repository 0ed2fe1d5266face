"""What alerts are sent to, on loopback: an incoming webhook and a mail server, which may refuse, break or hang."""

import queue
import socketserver
import threading
from collections import deque
from collections.abc import Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

from infra.local.processes import LOOPBACK

HANG: Final = 0
"""Instead of a status: no answer until the server ends."""


class Chat(ThreadingHTTPServer):
    """An incoming webhook; what is posted to it is in `messages`. It answers `statuses` in turn, then 200."""

    def __init__(self, statuses: Iterable[int] = ()) -> None:
        super().__init__((LOOPBACK, 0), ChatHandler)
        self.messages: queue.Queue[str] = queue.Queue()
        self.statuses = deque(statuses)
        self.ended = threading.Event()

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.server_port}/hook-8f3a"

    def shutdown(self) -> None:
        self.ended.set()
        super().shutdown()


class ChatHandler(BaseHTTPRequestHandler):
    server: Chat

    def do_POST(self) -> None:
        self.server.messages.put(self.rfile.read(int(self.headers["Content-Length"])).decode())
        status = self.server.statuses.popleft() if self.server.statuses else 200
        if status == HANG:
            self.server.ended.wait()
            return
        self.send_response(status)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Not on the test's output."""


class Mailbox(socketserver.ThreadingTCPServer):
    """A mail server; what it was sent is in `messages`. It answers the end of a mail by `codes` in turn, then 250."""

    def __init__(self, codes: Iterable[int] = ()) -> None:
        super().__init__((LOOPBACK, 0), MailboxHandler)
        self.messages: queue.Queue[str] = queue.Queue()
        self.codes = deque(codes)
        self.ended = threading.Event()

    @property
    def address(self) -> str:
        return f"{LOOPBACK}:{self.port}"

    @property
    def port(self) -> int:
        port: int = self.server_address[1]
        return port

    def shutdown(self) -> None:
        self.ended.set()
        super().shutdown()


class MailboxHandler(socketserver.StreamRequestHandler):
    server: Mailbox

    def handle(self) -> None:
        self._say("220 mailbox")
        while command := self.rfile.readline().decode().strip():
            if command.upper() == "DATA":
                self._say("354 until a dot")
                lines = iter(lambda: self.rfile.readline().decode(), ".\r\n")
                self.server.messages.put("".join(lines))
                code = self.server.codes.popleft() if self.server.codes else 250
                if code == HANG:
                    self.server.ended.wait()
                    return
                self._say(f"{code} told")
            else:
                self._say("221 bye" if command.upper() == "QUIT" else "250 ok")

    def _say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())
