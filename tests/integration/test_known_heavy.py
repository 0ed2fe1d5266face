"""A template fails for its size on the small cluster, and both workers of a router send it to the large one after."""

import gzip
import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from infra.local.loop import EVENTS
from infra.local.processes import LOOPBACK, free_port
from infra.local.servers import CollectorServer, collector_server, redis_server, router_server
from serving.known_heavy.opening import open_known_heavy
from smart_routing.settings import KnownHeavySettings
from tests.bundles import JoinModel
from tests.shell import own_environment
from tests.waiting import wait_until

SECONDS: Final = 2.0
"""From the event to the answers of both workers."""

PATIENCE: Final = 20.0
WORKERS: Final = 2
TOKEN: Final = "only-on-loopback"
BEARER: Final = {"Authorization": f"Bearer {TOKEN}"}
SESSION: Final = {"catalog": "lake", "schema": "search"}
KNOWN: Final = {"known_heavy_template"}
MODEL: Final = {"model"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A router of two workers and the collector, with one list, and a client that connects anew for each request."""

    client: httpx.Client
    router_url: str
    admin_urls: tuple[str, ...]
    collector: CollectorServer

    def reasons(self, sql: str) -> set[str]:
        """Why whoever answers decides as it does."""
        body = {"queryId": "q", "user": "ana", "sqlText": sql, "sessionProperties": SESSION}
        replies = [self.client.post(f"{self.router_url}/v1/route", json=body) for _ in range(20)]
        return {reply.raise_for_status().json()["reason"] for reply in replies}

    def generations(self) -> list[str]:
        """Of the list that each worker has."""
        replies = [self.client.get(f"{url}/v1/model", headers=BEARER) for url in self.admin_urls]
        return [reply.raise_for_status().json()["knownHeavyGeneration"] for reply in replies]

    def wait_for_change(self, change: Callable[[], object], *, seconds: float = SECONDS) -> float:
        """Makes a change of the list; returns the seconds until both workers have it."""
        (before,) = set(self.generations())
        started = time.monotonic()
        change()
        wait_until(lambda: before not in self.generations(), seconds=seconds)
        took = time.monotonic() - started
        assert took < seconds
        return took

    def metrics(self, name: str, **labels: str) -> list[float]:
        """A sample's value, in each worker."""
        pages = [self.client.get(f"{url}/metrics", headers=BEARER).text for url in self.admin_urls]
        return [sample(page, name, labels) for page in pages]

    def order(self, method: str, path: str = "", **options: Any) -> httpx.Response:
        """A request to the list's paths, on one worker's admin port."""
        return self.client.request(method, f"{self.admin_urls[0]}/v1/known-heavy{path}", headers=BEARER, **options)

    def fail(self, sql: str, *, code: str = "EXCEEDED_CPU_LIMIT", environment: str = "small") -> None:
        send(self.collector, failure(sql, code=code, environment=environment))


def send(collector: CollectorServer, body: bytes) -> None:
    assert httpx.post(f"{collector.url}/v1/query-events", content=body).json() == {"outcome": "accepted"}


def failure(sql: str, *, code: str = "EXCEEDED_CPU_LIMIT", environment: str = "small") -> bytes:
    """A bundled event, made the failure of `sql`."""
    with gzip.open(min(EVENTS.glob("*.jsonl.gz"))) as events:
        document = json.loads(next(iter(events)))
    query_id = f"20261005_000000_00001_{os.urandom(4).hex()}"
    document["metadata"] |= {"query": sql, "preparedQuery": None, "queryId": query_id, "queryState": "FAILED"}
    document["context"] |= {**SESSION, "environment": environment}
    document["failureInfo"] = {"errorCode": {"name": code, "type": "INSUFFICIENT_RESOURCES"}}
    return json.dumps(document).encode()


def sample(text: str, name: str, labels: dict[str, str]) -> float:
    samples = (one for family in text_string_to_metric_families(text) for one in family.samples)
    return sum(one.value for one in samples if one.name == name and labels.items() <= one.labels.items())


@contextmanager
def running_site(folder: Path, store: str) -> Iterator[Site]:
    JoinModel().publish(folder / "v1.0.0")
    (folder / "token").write_text(TOKEN)
    (folder / "router").mkdir()
    environment = own_environment(
        folder,
        SMART_ROUTING_KNOWN_HEAVY_STORE=store,
        SMART_ROUTING_SERVING_SOURCE=str(folder / "v1.0.0"),
        SMART_ROUTING_SERVING_ADMIN_TOKEN_FILE=str(folder / "token"),
    )
    with (
        router_server(folder / "router", environment, workers=WORKERS) as url,
        running_collector(folder, store) as collector,
        httpx.Client(limits=httpx.Limits(max_keepalive_connections=0), timeout=PATIENCE) as client,
    ):
        log = folder / "router" / "server.log"
        wait_until(lambda: len(admin_urls(log)) == WORKERS, seconds=PATIENCE)
        yield Site(client=client, router_url=url, admin_urls=admin_urls(log), collector=collector)


def admin_urls(log: Path) -> tuple[str, ...]:
    """The admin port of each worker, as each tells in the log."""
    lines = [json.loads(line) for line in log.read_text().splitlines() if "admin_port_open" in line]
    return tuple(f"http://{LOOPBACK}:{line['port']}" for line in lines)


@contextmanager
def running_collector(folder: Path, store: str) -> Iterator[CollectorServer]:
    (folder / "collector").mkdir(exist_ok=True)
    environment = own_environment(
        folder,
        SMART_ROUTING_KNOWN_HEAVY_STORE=store,
    )
    with collector_server(folder / "collector", environment) as collector:
        yield collector


@pytest.fixture(scope="module", params=["file", pytest.param("redis", marks=pytest.mark.service)])
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp(f"site-{request.param}")
    is_file = request.param == "file"
    store = str(folder / "known-heavy.jsonl") if is_file else request.getfixturevalue("redis_server")
    with running_site(folder, store) as running:
        yield running


def test_template_that_failed_for_its_size_is_heavy_on_both_workers_within_2_seconds(
    site: Site, figure: Callable[[str], None]
) -> None:
    assert site.reasons("select a from failed where b = 1") == MODEL
    took = site.wait_for_change(lambda: site.fail("select a from failed where b = 2"))
    figure(f"known heavy: {took:.2f} s from the event to both workers")
    assert site.reasons("select a from failed where b = 3") == KNOWN
    assert site.reasons("select a, c from failed where b = 3") == MODEL

    def both_answered() -> bool:
        site.reasons("select a from failed where b = 4")
        return min(site.metrics("smart_routing_decisions_total", reason="known_heavy_template")) > 0

    wait_until(both_answered, seconds=PATIENCE)


def test_failures_that_tell_nothing_of_the_size_enter_no_template(site: Site) -> None:
    site.fail("select a from queued", code="QUERY_QUEUE_FULL")
    site.fail("select a from pushed_out", code="ADMINISTRATIVELY_PREEMPTED")
    site.fail("select a from too_slow", code="EXCEEDED_TIME_LIMIT")
    site.fail("select a from too_large_for_large", environment="large")
    site.wait_for_change(lambda: site.fail("select a from behind_them"))
    for table in ("queued", "pushed_out", "too_slow", "too_large_for_large"):
        assert site.reasons(f"select a from {table}") == MODEL
    assert site.reasons("select a from behind_them") == KNOWN


def test_template_is_added_and_removed_by_hand(site: Site) -> None:
    site.wait_for_change(lambda: site.order("POST", json={"sql": "select a from by_hand", **SESSION}))
    assert site.reasons("select a from by_hand") == KNOWN
    (entry,) = (one for one in site.order("GET").json()["entries"] if one["reason"] == "manual")
    site.wait_for_change(lambda: site.order("DELETE", f"/{entry['template']}", params=SESSION))
    assert site.reasons("select a from by_hand") == MODEL


def test_template_leaves_when_its_time_is_over(site: Site) -> None:
    ttl = 5.0
    order = {"sql": "select a from for_a_while", "ttlHours": ttl / 3600, **SESSION}
    started = time.monotonic()
    site.wait_for_change(lambda: site.order("POST", json=order))
    assert site.reasons("select a from for_a_while") == KNOWN
    wait_until(lambda: site.reasons("select a from for_a_while") == MODEL, seconds=ttl + SECONDS)
    assert time.monotonic() - started >= ttl


@pytest.mark.service
def test_redis_that_is_away_changes_nothing_but_freshness(tmp_path: Path, figure: Callable[[str], None]) -> None:
    port = free_port()
    with ExitStack() as redis, ExitStack() as stack:
        store = redis.enter_context(redis_server(tmp_path / "redis", port))
        site = stack.enter_context(running_site(tmp_path, store))
        site.wait_for_change(lambda: site.fail("select a from before"))
        redis.close()
        site.fail("select a from meanwhile")
        wait_until(lambda: min(site.metrics("smart_routing_known_heavy_failures_total")) > 0, seconds=PATIENCE)
        wait_until(lambda: min(site.metrics("smart_routing_known_heavy_age_seconds")) > 1, seconds=PATIENCE)
        assert site.order("GET").status_code == 503
        assert site.reasons("select a from before") == KNOWN
        assert site.reasons("select a from meanwhile") == MODEL
        took = site.wait_for_change(
            lambda: redis.enter_context(redis_server(tmp_path / "redis", port)), seconds=PATIENCE
        )
        figure(f"known heavy: {took:.2f} s from the start of Redis to both workers")
        assert site.reasons("select a from meanwhile") == site.reasons("select a from before") == KNOWN


def test_router_starts_without_redis(tmp_path: Path) -> None:
    with running_site(tmp_path, f"redis://{LOOPBACK}:{free_port()}/0") as site:
        assert site.reasons("select a from anything") == MODEL


@pytest.mark.service
def test_collector_killed_before_the_list_had_the_template_hands_it_over_when_it_starts_again(tmp_path: Path) -> None:
    port = free_port()
    store = f"redis://{LOOPBACK}:{port}/0"
    with running_collector(tmp_path, store) as collector:
        send(collector, failure("select a from killed"))
        os.kill(collector.process.pid, signal.SIGKILL)
    with redis_server(tmp_path / "redis", port), running_collector(tmp_path, store):
        known = open_known_heavy(KnownHeavySettings(store=store))
        wait_until(lambda: [entry.reason for entry in known.entries()] == ["EXCEEDED_CPU_LIMIT"], seconds=PATIENCE)
