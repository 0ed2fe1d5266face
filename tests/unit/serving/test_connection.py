"""The data port's HTTP over a pair of sockets: an application that tells what it was asked stands for the router."""

import asyncio
import json
import socket
from functools import partial
from typing import Final

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from serving.process.connection import MAX_HEAD_BYTES, Connection

UPGRADE: Final = b"Connection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAEAAEAAAAIAAAAB\r\nUpgrade: h2c\r\n"
NEVER: Final = 60.0
SOON: Final = 0.05


async def tell(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers with the path, the headers' names and the body's length; with nothing where the client went away."""
    length, message = 0, await receive()
    while message["type"] == "http.request" and (message["body"] or message["more_body"]):
        length += len(message["body"])
        if not message["more_body"]:
            break
        message = await receive()
    told = json.dumps([scope["path"], [name.decode() for name, _ in scope["headers"]], length]).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(told))]})
    await send({"type": "http.response.body", "body": told})


def ask(
    *parts: bytes,
    first: bytes = b"",
    stays_open: bool = False,
    arrival_seconds: float = 60.0,
    look_seconds: float = 60.0,
) -> bytes:
    """All that comes back until the connection is closed: by the client after its last part, unless it stays open.

    The reply to the `first` request, if any, is read before the rest is sent.
    """

    async def run() -> bytes:
        ours, theirs = socket.socketpair()
        make = partial(
            Connection,
            uvicorn.Config(tell, lifespan="off", ws="none", log_config=None),
            ServerState(),
            {},
            arrival_seconds=arrival_seconds,
            look_seconds=arrival_seconds / 5,
        )
        await asyncio.get_running_loop().connect_accepted_socket(make, theirs)
        reader, writer = await asyncio.open_connection(sock=ours)
        writer.write(first)
        before = await reader.readuntil(b"]") if first else b""
        try:
            for part in parts:
                writer.write(part)
                await writer.drain()
            if not stays_open:
                writer.write(b"GET /last HTTP/1.1\r\nConnection: close\r\n\r\n")
            return before + await asyncio.wait_for(reader.read(), 10)
        finally:
            writer.close()

    return asyncio.run(run())


def told(reply: bytes) -> list[list[object]]:
    """What the application was asked, request by request, the last one left out."""
    return [json.loads(part.partition(b"\r\n\r\n")[2]) for part in reply.split(b"HTTP/1.1 200 OK")[1:-1]]


def post(path: bytes, headers: bytes, body: bytes = b"abcd") -> bytes:
    return b"POST %s HTTP/1.1\r\n%sContent-Length: %d\r\n\r\n%s" % (path, headers, len(body), body)


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param([post(b"/a", UPGRADE)], id="whole"),
        pytest.param([post(b"/a", UPGRADE)[:60], post(b"/a", UPGRADE)[60:-2], b"cd"], id="in-parts"),
        pytest.param([bytes([byte]) for byte in post(b"/a", UPGRADE)], id="byte-by-byte"),
    ],
)
def test_request_that_asks_for_an_upgrade_is_answered_in_http_1(parts: list[bytes]) -> None:
    assert told(ask(*parts)) == [["/a", ["connection", "http2-settings", "content-length"], 4]]


def test_upgrades_that_come_at_once_are_answered_one_by_one() -> None:
    paths = [b"/%d" % number for number in range(500)]
    found = told(ask(b"".join(post(path, UPGRADE) for path in paths)))
    assert [(path, length) for path, _, length in found] == [(path.decode(), 4) for path in paths]


def test_connect_is_no_upgrade() -> None:
    assert ask(b"CONNECT elsewhere:443 HTTP/1.1\r\n\r\n", stays_open=True).startswith(b"HTTP/1.1 400 ")


def test_trailer_is_no_header() -> None:
    request = b"POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n0\r\nX-Model-Version: v9\r\n\r\n"
    assert told(ask(request)) == [["/a", ["transfer-encoding"], 4]]


@pytest.mark.parametrize(
    "part",
    [
        pytest.param(b"A: " + b"x" * 1000 + b"\r\n", id="many-headers"),
        pytest.param(b"x" * 1000, id="one-long-name"),
    ],
)
def test_head_that_is_too_long_is_refused(part: bytes) -> None:
    head = b"POST /a HTTP/1.1\r\n"
    reply = ask(head, *[part] * (MAX_HEAD_BYTES // len(part) + 1), stays_open=True)
    assert reply.startswith(b"HTTP/1.1 431 ")


def test_head_that_is_not_too_long_and_a_long_body_are_taken() -> None:
    headers, body = b"A: %s\r\n" % (b"x" * 2**17), b"b" * (2 * MAX_HEAD_BYTES)
    request = post(b"/a", headers, body)
    parts = [request[start : start + 2**14] for start in range(0, len(request), 2**14)]
    assert told(ask(*parts, *parts)) == [["/a", ["a", "content-length"], len(body)]] * 2


def test_nonsense_is_a_400() -> None:
    assert ask(b"\x16\x03\x01\x02\x00", stays_open=True).startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"POST /a HT", id="half-a-head"),
        pytest.param(post(b"/a", b"")[:-1], id="half-a-body"),
    ],
)
def test_connection_whose_request_does_not_come_is_closed(sent: bytes) -> None:
    assert ask(sent, stays_open=True, arrival_seconds=SOON) == b""


@pytest.mark.parametrize("after", [b"\r\n", b"POST /b"], ids=["an-empty-line", "half-a-head"])
def test_connection_whose_next_request_does_not_come_is_closed(after: bytes) -> None:
    reply = ask(after, first=post(b"/a", b""), stays_open=True, arrival_seconds=SOON)
    assert reply.count(b"HTTP/1.1 200 OK") == 1
