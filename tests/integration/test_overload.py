"""Three times as many statements as the router can decide: every reply in time, and no queue that grows."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import httpx
import pytest

from infra.local.processes import LOOPBACK, free_port
from infra.local.servers.router import router_server
from smart_routing.protocol import ROUTE_PATH
from smart_routing.routing import Reason
from tests.bundles import JoinModel
from tests.shell import own_environment

MAX_WAIT_MS: Final = 20
SECONDS: Final = 3.0
TIMES_CAPACITY: Final = 3
WITHIN_MS: Final = 400
"""What trino-gateway waits is 500; the test's client, on the same cores, takes its part."""


@dataclass
class Load:
    """A closed loop: each connection asks its next statement when it has the answer to the one before."""

    port: int
    reasons: Counter[str] = field(default_factory=Counter)
    milliseconds: list[float] = field(default_factory=list)
    asked: int = 0

    async def run(self, connections: int) -> None:
        await asyncio.gather(*(self._ask(time.monotonic() + SECONDS) for _ in range(connections)))

    def p(self, share: float) -> float:
        """The quantile of the times to a reply, in milliseconds."""
        return sorted(self.milliseconds)[int(share * (len(self.milliseconds) - 1))]

    async def _ask(self, ends: float) -> None:
        reader, writer = await asyncio.open_connection(LOOPBACK, self.port)
        while time.monotonic() < ends:
            self.asked += 1
            began = time.monotonic()
            writer.write(_request(f"select {self.asked} from a join b on a.x = b.x"))
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
            reply = json.loads(await reader.readexactly(length))
            self.milliseconds.append(1000 * (time.monotonic() - began))
            self.reasons[reply["reason"]] += 1
        writer.close()
        await writer.wait_closed()


def _request(sql: str) -> bytes:
    body = json.dumps({"queryId": "q", "user": "ana", "sqlText": sql}).encode()
    return b"POST %s HTTP/1.1\r\nHost: router\r\nContent-Length: %d\r\n\r\n%s" % (ROUTE_PATH.encode(), len(body), body)


@pytest.mark.timeout(120)
def test_replies_stay_in_time_at_three_times_the_capacity(tmp_path: Path, figure: Callable[[str], None]) -> None:
    JoinModel().publish(tmp_path / "v1")
    admin = free_port()
    environment = own_environment(
        tmp_path,
        SMART_ROUTING_SERVING_SOURCE=str(tmp_path / "v1"),
        SMART_ROUTING_SERVING_ADMIN_PORT=str(admin),
        SMART_ROUTING_SERVING_MAX_WAIT_MS=str(MAX_WAIT_MS),
    )
    with router_server(tmp_path / "router", environment) as url:
        port = int(url.rpartition(":")[2])
        calm = Load(port)
        asyncio.run(calm.run(4))
        capacity = calm.reasons[Reason.MODEL] / SECONDS
        # As many as would wait three times what may be waited, were all of them decided.
        load = Load(port)
        asyncio.run(load.run(TIMES_CAPACITY * max(20, int(capacity * MAX_WAIT_MS / 1000))))
        metrics = httpx.get(f"http://{LOOPBACK}:{admin}/metrics").text
    shed = load.reasons[Reason.OVERLOADED]
    figure(
        f"overload: {capacity:.0f} decisions/s when calm, {load.reasons[Reason.MODEL] / SECONDS:.0f} and "
        f"{shed / SECONDS:.0f} shed under load; p50 {load.p(0.5):.0f}, p99 {load.p(0.99):.0f} ms"
    )
    assert set(load.reasons) == {Reason.MODEL, Reason.OVERLOADED}
    assert load.reasons[Reason.MODEL] > calm.reasons[Reason.MODEL] / 4
    assert load.p(0.99) < WITHIN_MS
    assert f'smart_routing_fallbacks_total{{reason="overloaded"}} {shed:.1f}' in metrics
