"""Swaps on real router processes: no wrong answer, all workers together, and back by themselves where they must."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx

from benchmarks.swaps.__main__ import leg, resident_megabytes, serving, settings
from infra.local.processes import LOOPBACK, free_port, server_environment
from infra.local.servers import router_server
from serving.process.listener import PORTS_TRIED
from smart_routing import protocol
from tests.bundles import GOLDEN_SQL, JoinModel
from tests.waiting import wait_until

POLL_SECONDS: Final = 1.0
BODY: Final = {"queryId": "q", "user": "ana", "sqlText": GOLDEN_SQL}


@dataclass(frozen=True)
class Fleet:
    """Two workers that follow a link to a folder."""

    url: str
    link: Path
    admins: tuple[httpx.Client, httpx.Client]

    def point_to(self, version: str, model: JoinModel) -> None:
        folder = self.link.parent / version
        if not folder.exists():
            model.publish(folder)
        scratch = self.link.parent / "next"
        scratch.symlink_to(version)
        scratch.replace(self.link)

    def told(self) -> list[dict[str, Any]]:
        return [admin.get("/v1/model").json() for admin in self.admins]

    def serve(self, version: str) -> bool:
        """Whether each worker says in its metrics that it has this version, and no other."""
        pages = [admin.get("/metrics").text.splitlines() for admin in self.admins]
        infos = [[line for line in page if line.startswith("smart_routing_model_info{")] for page in pages]
        return all(len(info) == 1 and f'model_version="{version}-' in info[0] for info in infos)

    def ask(self) -> str:
        """The version that answers, of whichever worker takes a new connection."""
        reply = httpx.post(f"{self.url}{protocol.ROUTE_PATH}", json=BODY).raise_for_status()
        return str(reply.json()["modelVersion"]).partition("-")[0]


@contextmanager
def fleet(folder: Path, **variables: str) -> Iterator[Fleet]:
    (folder / "models").mkdir()
    link, port = folder / "models" / "current", free_port()
    JoinModel().publish(folder / "models" / "v1")
    link.symlink_to("v1")
    environment = settings(link, folder) | {
        "SMART_ROUTING_SERVING_POLL_SECONDS": str(POLL_SECONDS),
        "SMART_ROUTING_SERVING_ADMIN_PORT": str(port),
        **variables,
    }
    with router_server(folder, server_environment(folder, **environment), workers=2) as url:
        wait_until(lambda: len(admin_ports(port, link)) == 2, seconds=20)
        first, second = (httpx.Client(base_url=f"http://{LOOPBACK}:{one}") for one in admin_ports(port, link))
        with first, second:
            yield Fleet(url, link, (first, second))


def admin_ports(port: int, source: Path) -> list[int]:
    """Those of the router with this source."""
    found = []
    for candidate in range(port, port + PORTS_TRIED):
        try:
            reply = httpx.get(f"http://{LOOPBACK}:{candidate}/v1/model", timeout=1)
        except httpx.HTTPError:
            continue
        if reply.is_success and reply.json().get("source") == str(source):
            found.append(candidate)
    return found


def test_all_workers_have_another_version_within_a_poll_and_a_second(
    tmp_path: Path, figure: Callable[[str], None]
) -> None:
    took = []
    with fleet(tmp_path) as workers:
        for number in (2, 3, 2):
            workers.point_to(f"v{number}", JoinModel(per_join=number / 10))
            began = time.monotonic()
            wait_until(lambda number=number: workers.serve(f"v{number}"), seconds=20)  # type: ignore[misc]
            took.append(time.monotonic() - began)
    figure(f"two workers have another version after {max(took):.2f} s at most, looking every {POLL_SECONDS:.0f} s")
    assert max(took) < POLL_SECONDS + 1.0


def test_version_that_moves_the_heavy_share_is_left_by_all_workers_until_the_link_moves(tmp_path: Path) -> None:
    limits = {"SMART_ROUTING_RELOAD_TRIP_DECISIONS": "20", "SMART_ROUTING_RELOAD_TRIP_SECONDS": "0.2"}
    with fleet(tmp_path, **limits) as workers:
        for _ in range(200):
            assert workers.ask() == "v1"
        workers.point_to("v2", JoinModel(threshold=0.0))
        wait_until(lambda: workers.serve("v2"), seconds=20)
        wait_until(lambda: workers.ask() == "v1" and workers.serve("v1"), seconds=20)
        time.sleep(2 * POLL_SECONDS)
        assert workers.serve("v1")
        reasons = [told["quarantined"]["reason"] for told in workers.told()]
        assert all(reason.startswith("the model found heavy 100.0% of") for reason in reasons)
        workers.point_to("v3", JoinModel(threshold=0.4))
        wait_until(lambda: workers.serve("v3"), seconds=20)
        assert [told["quarantined"] for told in workers.told()] == [None, None]


def test_swaps_under_load_lose_no_answer_and_mix_none(tmp_path: Path, figure: Callable[[str], None]) -> None:
    JoinModel().publish(tmp_path / "bundle")
    with serving(tmp_path / "bundle", tmp_path, swaps=20) as site:
        warm = asyncio.run(leg(site, range(1, 7), seconds=3, per_second=150, seed=1))
        before = resident_megabytes(site.process)
        swapped = asyncio.run(leg(site, range(7, 21), seconds=8, per_second=150, seed=2))
        grown = resident_megabytes(site.process) - before
    figure(f"14 swaps, {swapped.answers} answers: p99 {swapped.p99:.1f} ms, memory {grown:+.1f} MB")
    assert (warm.faults, swapped.faults) == ((), ())
    assert swapped.answers > 1000
    assert len(swapped.versions) >= 10
