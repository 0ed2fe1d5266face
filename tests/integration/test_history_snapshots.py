"""Two router workers follow the history snapshot in a file and on a real S3 server."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from infra.local.processes import LOOPBACK
from infra.local.servers import S3Service, router_server
from smart_routing.history.snapshot import Snapshot
from smart_routing.history.timeline import Timeline
from smart_routing.labels import LabelRule
from smart_routing.stored_file import FileStore, LocalFile, S3Object
from tests.bundles import JoinModel
from tests.shell import own_environment
from tests.unit.history.runs import NOW, ran

POLL_SECONDS: Final = 1.0
FOLLOWS_WITHIN_SECONDS: Final = POLL_SECONDS + 1.0
PATIENCE: Final = 20.0
WORKERS: Final = 2
ANEW: Final = httpx.Limits(max_keepalive_connections=0)
"""A connection a request: else one worker would answer them all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A router, both of its workers' admin ports, and the file that they look at."""

    client: httpx.Client
    router_url: str
    admin_urls: tuple[str, ...]
    file: FileStore

    def replies(self) -> set[str | None]:
        """The snapshots that whoever answers names."""
        body = {"queryId": "q", "user": "ana", "sqlText": "select 1", "submittedAt": NOW.isoformat()}
        found = [self.client.post(f"{self.router_url}/v1/route", json=body) for _ in range(20)]
        return {reply.raise_for_status().json()["historySnapshot"] for reply in found}

    def in_force(self) -> list[str | None]:
        """The snapshot of each worker."""
        return [self.client.get(f"{url}/v1/model").json()["historySnapshot"] for url in self.admin_urls]

    def metrics(self, name: str, **labels: str) -> list[float]:
        """A sample's value, in each worker."""
        return [sample(self.client.get(f"{url}/metrics").text, name, labels) for url in self.admin_urls]

    def is_rejected(self) -> bool:
        return min(self.metrics("smart_routing_history_reloads_total", outcome="rejected")) > 0

    def put(self, content: bytes) -> float:
        """Publish a snapshot; returns the seconds until both workers have it."""
        started = time.monotonic()
        self.file.write(content)
        wait_until(lambda: self.in_force() == [name(content)] * WORKERS, seconds=FOLLOWS_WITHIN_SECONDS)
        return time.monotonic() - started


def snapshot(*, hours_ago: float) -> bytes:
    as_of, runs = NOW - timedelta(hours=hours_ago), [ran(hours_ago=hours_ago + 1, rows=7)]
    return Snapshot.of(Timeline(runs), as_of, rule=LabelRule(), ttl=timedelta(hours=48))


def name(content: bytes) -> str:
    return Snapshot.from_bytes(content).snapshot


def sample(text: str, name: str, labels: dict[str, str]) -> float:
    samples = (one for family in text_string_to_metric_families(text) for one in family.samples)
    return sum(one.value for one in samples if one.name == name and labels.items() <= one.labels.items())


def wait_until(holds: Callable[[], bool], *, seconds: float = PATIENCE) -> None:
    ends = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < ends
        time.sleep(0.05)


def admin_urls(log: Path) -> tuple[str, ...]:
    """The admin port of each worker, as each tells in the log."""
    lines = [json.loads(line) for line in log.read_text().splitlines() if "admin_port_open" in line]
    return tuple(f"http://{LOOPBACK}:{line['port']}" for line in lines)


@pytest.fixture(params=["file", pytest.param("s3", marks=pytest.mark.service)])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    file: FileStore = LocalFile(tmp_path / "published" / "history.npz")
    variables: dict[str, str] = {}
    if request.param == "s3":
        s3: S3Service = request.getfixturevalue("s3")
        file = S3Object(s3.bucket, "routers/history.npz", s3.client)
        variables = s3.environment | {"SMART_ROUTING_S3_ENDPOINT_URL": s3.endpoint_url}
    JoinModel().publish(tmp_path / "v1.0.0")
    environment = own_environment(
        tmp_path,
        SMART_ROUTING_HISTORY_SNAPSHOT=str(file),
        SMART_ROUTING_HISTORY_POLL_SECONDS=str(POLL_SECONDS),
        SMART_ROUTING_SERVING_SOURCE=str(tmp_path / "v1.0.0"),
        SMART_ROUTING_SERVING_DECISION_LOG="",
        **variables,
    )
    (tmp_path / "router").mkdir()
    log = tmp_path / "router" / "server.log"
    with (
        router_server(tmp_path / "router", environment, workers=WORKERS) as url,
        httpx.Client(limits=ANEW, timeout=PATIENCE) as client,
    ):
        wait_until(lambda: len(admin_urls(log)) == WORKERS)
        yield Site(client=client, router_url=url, admin_urls=admin_urls(log), file=file)
    assert "Traceback" not in log.read_text()


def test_both_workers_follow_the_snapshot(site: Site, figure: Callable[[str], None]) -> None:
    assert site.replies() == {None}
    newer, older = snapshot(hours_ago=1), snapshot(hours_ago=5)
    took = site.put(newer)
    figure(f"history snapshot: {took:.2f} s from its publication to both workers, which look each {POLL_SECONDS:.0f} s")
    assert site.replies() == {name(newer)}
    site.file.write(newer[:-20])
    wait_until(site.is_rejected)
    assert site.replies() == {name(newer)}
    site.put(older)
    assert site.replies() == {name(older)}

    def both_answered() -> bool:
        assert site.replies() == {name(older)}
        return min(site.metrics("smart_routing_decisions_total", reason="model")) > 0

    wait_until(both_answered)
