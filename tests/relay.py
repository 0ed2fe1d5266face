"""A server before another one, which goes down in the middle of things."""

from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

import httpx

from infra.local.processes import LOOPBACK

_HANDED_ON: Final = ("Content-Type", "Accept")


class Relay(ThreadingHTTPServer):
    """Hands requests on to `upstream` until one comes whose path ends in `last`: from then on nobody is answered."""

    def __init__(self, upstream: str, *, last: str) -> None:
        super().__init__((LOOPBACK, 0), RelayHandler)
        self.upstream = httpx.Client(base_url=upstream, timeout=30, headers={"Accept-Encoding": "identity"})
        self.last = last
        self.is_down = False

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.server_port}"

    def server_close(self) -> None:
        super().server_close()
        self.upstream.close()


class RelayHandler(BaseHTTPRequestHandler):
    server: Relay

    def do_GET(self) -> None:
        self.server.is_down |= self.path.partition("?")[0].endswith(self.server.last)
        if self.server.is_down:
            return  # the connection ends without an answer
        content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name: self.headers[name] for name in _HANDED_ON if name in self.headers}
        reply = self.server.upstream.request(self.command, self.path, content=content, headers=headers)
        self.send_response(HTTPStatus(reply.status_code))
        self.send_header("Content-Type", reply.headers.get("Content-Type", "application/json"))
        self.send_header("Content-Length", str(len(reply.content)))
        self.end_headers()
        self.wfile.write(reply.content)

    def do_POST(self) -> None:
        self.do_GET()

    def log_message(self, format: str, *args: object) -> None:
        """Not on the test's output."""
