"""A sender that keeps its pace whatever the answers, and tries again as Trino's HTTP event listener does."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

RETRY_SECONDS: Final = (1.0, 2.0, 4.0, 8.0, 16.0)
"""infra/trino/http-event-listener.properties: five more tries, 1 s and twice as long each time."""
CONNECTIONS: Final = 20
"""What Trino's HTTP client opens to one address."""
ANSWER_SECONDS: Final = 60.0

Requests = Callable[[int], bytes]
"""The whole HTTP request of the event with this number."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """How one event went: seconds from when it was due to its 200, None where it was given up; tries in all."""

    number: int
    seconds: float | None
    tries: int


def post_request(url: str, body: bytes, *, token: str) -> bytes:
    """An HTTP/1.1 request that posts `body` to `url`."""
    address = urlsplit(url)
    lines = (
        f"POST {address.path} HTTP/1.1",
        f"Host: {address.netloc}",
        f"Authorization: Bearer {token}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
    )
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@dataclass(slots=True)
class _Connection:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def status(self, request: bytes) -> int:
        """The status that answers; raises `OSError` or `IncompleteReadError` where the connection ends before."""
        self.writer.write(request)
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        await self.reader.readexactly(int(length.partition(b":")[2]))
        return int(head[9:12])


class OpenLoop:
    """Sends requests to the host of `url`, over at most 20 connections that stay open."""

    def __init__(self, url: str, *, retry_seconds: Sequence[float] = RETRY_SECONDS) -> None:
        self._address = urlsplit(url)
        self._retry_seconds = retry_seconds
        self._idle: list[_Connection] = []
        self._room = asyncio.Semaphore(CONNECTIONS)

    async def send(self, numbers: range, requests: Requests, *, per_second: float) -> list[Delivery]:
        """One event every 1 / `per_second` seconds; returns once each is acknowledged or given up.

        What is not answered, or with 500 and above, is sent again; anything else but a 200 is given up, as Trino does.
        """
        clock = asyncio.get_running_loop().time
        began = clock()
        deliveries = []
        for index, number in enumerate(numbers):
            due = began + index / per_second
            await asyncio.sleep(due - clock())
            deliveries.append(asyncio.create_task(self._deliver(number, requests, due=due)))
        return await asyncio.gather(*deliveries)

    async def close(self) -> None:
        while self._idle:
            connection = self._idle.pop()
            connection.writer.close()
            with suppress(OSError):  # the other side may have been killed
                await connection.writer.wait_closed()

    async def _deliver(self, number: int, requests: Requests, *, due: float) -> Delivery:
        tries = 0
        for delay in (0.0, *self._retry_seconds):
            await asyncio.sleep(delay)
            tries += 1
            status = await self._status(requests(number))
            if status == 200:
                return Delivery(number, asyncio.get_running_loop().time() - due, tries)
            if status is not None and status < 500:
                break
        return Delivery(number, None, tries)

    async def _status(self, request: bytes) -> int | None:
        """None where there was no answer."""
        with suppress(OSError, asyncio.IncompleteReadError, TimeoutError):
            async with self._connection() as connection, asyncio.timeout(ANSWER_SECONDS):
                return await connection.status(request)
        return None

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[_Connection]:
        """An idle connection or a new one; it is kept unless the block fails."""
        async with self._room:
            connection = self._take() or await self._connect()
            try:
                yield connection
            except BaseException:
                connection.writer.close()
                raise
            self._idle.append(connection)

    def _take(self) -> _Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if not connection.reader.at_eof():
                return connection
            connection.writer.close()
        return None

    async def _connect(self) -> _Connection:
        return _Connection(*await asyncio.open_connection(self._address.hostname, self._address.port))
