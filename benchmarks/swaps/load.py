"""Requests at random times, whatever the answers; and as many as the server takes."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from typing import Final
from urllib.parse import urlsplit

from smart_routing.protocol import ROUTE_PATH

CONNECTIONS: Final = 16
ANSWER_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply to question `number`; seconds from when it was due to be asked. Status 0 where there was none."""

    number: int
    seconds: float
    status: int
    head: bytes = b""
    body: bytes = b""


@dataclass(slots=True)
class _Connection:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def ask(self, request: bytes) -> tuple[bytes, bytes]:
        self.writer.write(request)
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        return head, await self.reader.readexactly(int(length.partition(b":")[2]))


@dataclass
class Load:
    """Asks `url` the questions, in turn, over a few connections that stay open."""

    url: str
    questions: Sequence[bytes]
    _requests: list[bytes] = field(init=False)

    def __post_init__(self) -> None:
        self._requests = [post(body) for body in self.questions]

    async def as_many(self, seconds: float) -> float:
        """Requests a second, each connection asking as soon as it is answered."""
        end = time.perf_counter() + seconds

        async def ask(connection: _Connection) -> int:
            asked = 0
            while time.perf_counter() < end:
                await connection.ask(self._requests[asked % len(self._requests)])
                asked += 1
            return asked

        connections = await self._connect()
        asked = sum(await asyncio.gather(*map(ask, connections)))
        close(connections)
        return asked / seconds

    async def at_random(self, seconds: float, *, per_second: float, seed: int) -> list[Reply]:
        """A Poisson stream; a request that finds no idle connection waits, and its time counts."""
        idle: asyncio.Queue[_Connection] = asyncio.Queue()
        connections = await self._connect()
        for connection in connections:
            idle.put_nowait(connection)
        random, began, due = Random(seed), time.perf_counter(), 0.0
        asked: list[asyncio.Task[Reply]] = []
        while (due := due + random.expovariate(per_second)) < seconds:
            await asyncio.sleep(began + due - time.perf_counter())
            asked.append(asyncio.create_task(self._ask(idle, len(asked) % len(self._requests), due=began + due)))
        replies = await asyncio.gather(*asked)
        close(connections)
        return replies

    async def _ask(self, idle: asyncio.Queue[_Connection], number: int, *, due: float) -> Reply:
        connection = await idle.get()
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                head, body = await connection.ask(self._requests[number])
        except (OSError, asyncio.IncompleteReadError, TimeoutError) as error:
            with suppress(OSError):
                connection = (await self._connect(1))[0]
            return Reply(number, time.perf_counter() - due, 0, body=repr(error).encode())
        finally:
            idle.put_nowait(connection)
        return Reply(number, time.perf_counter() - due, int(head[9:12]), head, body)

    async def _connect(self, count: int = CONNECTIONS) -> list[_Connection]:
        address = urlsplit(self.url)
        streams = [await asyncio.open_connection(address.hostname, address.port) for _ in range(count)]
        return [_Connection(reader, writer) for reader, writer in streams]


def post(body: bytes) -> bytes:
    lines = (f"POST {ROUTE_PATH} HTTP/1.1", "Host: router", f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def close(connections: Sequence[_Connection]) -> None:
    for connection in connections:
        connection.writer.close()
