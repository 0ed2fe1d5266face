"""A client that keeps a server busy, or asks it at random moments; a process of its own, with its `Load` on stdin."""

import asyncio
import random
import sys
from array import array
from collections import deque
from collections.abc import Callable, Sequence
from itertools import accumulate
from pathlib import Path
from time import perf_counter
from typing import Final

import httptools
import msgspec
import numpy as np
import uvloop

OPEN_CONNECTIONS: Final = 256
"""Of an open loop. What finds none idle waits, and the wait counts."""
STRAGGLER_SECONDS: Final = 30.0
QUANTILES: Final = (0.5, 0.9, 0.99, 0.999)


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """What to send where. `requests` names a file of whole HTTP requests (MessagePack), sent in turn from the first on.

    With `per_second` requests come at random moments, as Poisson has them, whatever the answers; without it
    `connections` clients ask as soon as they are answered. `seconds` bound both.
    """

    host: str
    port: int
    requests: str
    seconds: float
    connections: int = 1
    per_second: float | None = None
    seed: int = 0


class Answered(msgspec.Struct, frozen=True, kw_only=True):
    """How a load went: milliseconds from when a request was due to its whole answer; failed are all but status 200."""

    count: int
    failed: int
    seconds: float
    p50: float
    p90: float
    p99: float
    p999: float
    largest: float

    @property
    def per_second(self) -> float:
        return self.count / self.seconds


class _Connection(asyncio.Protocol):
    """One request at a time; tells `answered` of each, with status 0 where the connection ended before."""

    def __init__(self, answered: Callable[["_Connection", int], None]) -> None:
        self._answered = answered
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None
        self._busy = False
        self.due = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # of a TCP connection

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        self._busy = False
        self._answered(self, self._parser.get_status_code())

    def connection_lost(self, _: Exception | None) -> None:
        if self._busy:
            self._busy = False
            self._answered(self, 0)

    def send(self, request: bytes, *, due: float) -> None:
        self.due, self._busy = due, True
        if self._transport is None or self._transport.is_closing():
            self._busy = False
            self._answered(self, 0)
        else:
            self._transport.write(request)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


class _Client:
    """Counts what comes back."""

    def __init__(self, load: Load, requests: Sequence[bytes]) -> None:
        self._load = load
        self._requests = requests
        self._sent = 0
        self._times = array("d")
        self._failed = 0
        self._idle: deque[_Connection] = deque()
        self._waiting: deque[float] = deque()
        self._ends = float("inf")

    async def run(self) -> Answered:
        count = self._load.connections if self._load.per_second is None else OPEN_CONNECTIONS
        loop = asyncio.get_running_loop()
        for _ in range(count):
            _, connection = await loop.create_connection(
                lambda: _Connection(self._next), self._load.host, self._load.port
            )
            self._idle.append(connection)
        connections, began = list(self._idle), perf_counter()
        await (
            self._keep_busy(began) if self._load.per_second is None else self._at_random(self._load.per_second, began)
        )
        ended = perf_counter()
        for connection in connections:
            connection.close()
        return self._answered(ended - began)

    async def _keep_busy(self, began: float) -> None:
        self._ends = began + self._load.seconds
        for _ in range(len(self._idle)):
            self._send(self._idle.popleft(), perf_counter())
        await self._all_idle(self._load.connections)

    async def _at_random(self, per_second: float, began: float) -> None:
        """Spins between two moments: timers of an event loop are coarser than what is measured."""
        draw = random.Random(self._load.seed)  # a load, not a secret
        gaps = (draw.expovariate(per_second) for _ in range(round(per_second * self._load.seconds)))
        for due in accumulate(gaps, initial=began):
            while perf_counter() < due:
                await asyncio.sleep(0)
            if self._idle:
                self._send(self._idle.popleft(), due)  # in turn: a server ends what is idle for seconds
            else:
                self._waiting.append(due)
        await self._all_idle(OPEN_CONNECTIONS)

    async def _all_idle(self, connections: int) -> None:
        """What is not answered long after the end has failed; its time is not known, and not counted."""
        latest = perf_counter() + self._load.seconds + STRAGGLER_SECONDS
        while len(self._idle) < connections and perf_counter() < latest:
            await asyncio.sleep(0.001)
        self._failed += connections - len(self._idle) + len(self._waiting)

    def _send(self, connection: _Connection, due: float) -> None:
        request = self._requests[self._sent % len(self._requests)]
        self._sent += 1
        connection.send(request, due=due)

    def _next(self, connection: _Connection, status: int) -> None:
        now = perf_counter()
        self._times.append(now - connection.due)
        self._failed += status != 200
        if self._waiting:
            self._send(connection, self._waiting.popleft())
        elif now < self._ends and self._load.per_second is None and status:
            self._send(connection, now)
        else:
            self._idle.append(connection)

    def _answered(self, seconds: float) -> Answered:
        times = np.array(self._times) * 1000
        p50, p90, p99, p999 = (float(value) for value in np.quantile(times, QUANTILES))
        return Answered(
            count=len(times),
            failed=self._failed,
            seconds=seconds,
            p50=p50,
            p90=p90,
            p99=p99,
            p999=p999,
            largest=float(times.max()),
        )


async def put_under(load: Load, requests: Sequence[bytes]) -> Answered:
    """Put a server under a load of these requests; raises `OSError` where it does not listen."""
    return await _Client(load, requests).run()


def main() -> None:
    load = msgspec.json.decode(sys.stdin.buffer.read(), type=Load)
    requests = msgspec.msgpack.decode(Path(load.requests).read_bytes(), type=list[bytes])
    answered = uvloop.run(put_under(load, requests))
    sys.stdout.buffer.write(msgspec.json.encode(answered))


if __name__ == "__main__":
    main()
