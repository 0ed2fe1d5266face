"""A Trino coordinator that runs nothing: it is healthy, and answers every statement with its own name."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from threading import Thread

_numbers = count(1)


@contextmanager
def fake_trino(name: str) -> Iterator[str]:
    """Its URL while it runs; the answers have one column of one row."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _handler(name)) as server:
        thread = Thread(target=server.serve_forever, name=name)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def _handler(name: str) -> type[BaseHTTPRequestHandler]:
    class Coordinator(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._reply(
                {"nodeVersion": {"version": "476"}, "environment": name, "coordinator": True, "starting": False}
            )

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            query_id = f"20261005_000000_{next(_numbers):05}_{name[:5]:a<5}"  # trino-gateway wants each to be new
            self._reply(
                {"id": query_id, "stats": {"state": "FINISHED"}, "columns": [{"name": "cluster"}], "data": [[name]]}
            )

        def log_message(self, format: str, *args: object) -> None:
            """Nothing."""

        def _reply(self, document: dict[str, object]) -> None:
            content = json.dumps(document).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    return Coordinator
