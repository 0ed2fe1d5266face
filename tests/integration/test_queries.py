"""Every panel and rule asks for what the running system exports, by the word of a Prometheus that scrapes it."""

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from infra.local import servers
from infra.local.processes import LOOPBACK, free_port, listening
from infra.local.servers.observability import prometheus, prometheus_site
from infra.local.servers.router import exporter
from monitoring.gauges import GAUGES, REPORTS, Gauge, write_gauges
from smart_routing.protocol import GATEWAY_ROUTE_PATH, QUERY_EVENTS_PATH, ROUTE_PATH
from tests.bundles import JoinModel
from tests.listeners import serving
from tests.promql import Query, dashboards, missing, panel_queries, rule_queries
from tests.shell import own_environment
from tests.waiting import wait_until

GATEWAY_METRICS = [  # of trino-gateway 20 with a backend "small-1", as its /metrics has them
    "io_trino_gateway_ha_router_name_ClusterStats_cluster_id_small_1_TrinoStatusHealthy",
    "io_airlift_http_client_type_HttpClient_name_ForRouter_RequestFailed",
]
LABELS = {
    "tenant": ("all", "lake.ads"),
    "view": ("model", "routed"),
    "model_version": ("v1-abcdef",),
    "quantile": ("0.9", "0.99"),
    "decision": ("light", "heavy"),
    "group": ("routed", "control"),
    "kind": ("none", "alert"),
    "tier": ("features",),
    "name": ("unseen_templates",),
    "basis": ("targets",),
}
STATEMENTS = ["select 1", "select * from a join b on a.x = b.x join c on b.x = c.x join d on c.x = d.x", "show tables"]
EVENT = Path(__file__).parents[1] / "fixtures" / "trino_queries" / "events.jsonl"

pytestmark = pytest.mark.service


class Gateway(BaseHTTPRequestHandler):
    """What trino-gateway exports, without the gateway."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.end_headers()
        self.wfile.write("".join(f"{name} 1\n" for name in GATEWAY_METRICS).encode())

    def log_message(self, format: str, *args: object) -> None:
        """Not on the test's output."""


class Scraper:
    """A Prometheus, asked over its API."""

    def __init__(self, url: str) -> None:
        self._api = httpx.Client(base_url=f"{url}/api/v1", timeout=30)

    def ask(self, path: str, **parameters: str) -> Any:
        reply = self._api.get(path, params=parameters)
        assert reply.is_success, reply.text
        return reply.json()["data"]

    def values(self, expression: str) -> list[float]:
        """Of an instant query, now."""
        return [float(found["value"][1]) for found in self.ask("query", query=expression)["result"]]

    def series(self, selector: str) -> Sequence[Mapping[str, str]]:
        found: list[dict[str, str]] = self.ask("series", **{"match[]": selector})
        return found

    def close(self) -> None:
        self._api.close()


def figures(report: str) -> list[Gauge]:
    """Of every gauge that is declared, with all the labels of `LABELS`; each report has a part of them."""
    mine = [kind for number, kind in enumerate(GAUGES) if REPORTS[number % len(REPORTS)] == report]
    return [Gauge(kind.name, labels, 0.5) for kind in mine for labels in combinations(kind.labels)]


def combinations(names: Sequence[str]) -> list[dict[str, str]]:
    chosen: list[dict[str, str]] = [{}]
    for name in names:
        chosen = [{**one, name: value} for one in chosen for value in LABELS[name]]
    return chosen


def ask_router(url: str, number: int) -> None:
    body = {"queryId": f"q-{number}", "user": "ana", "sqlText": STATEMENTS[number % len(STATEMENTS)]}
    httpx.post(f"{url}{ROUTE_PATH}", json=body).raise_for_status()
    httpx.post(f"{url}{GATEWAY_ROUTE_PATH}", json={}).raise_for_status()


@pytest.fixture(scope="module")
def scraper(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scraper]:
    """A router that decides, a collector with an event, an exporter with reports, all scraped every second."""
    folder = tmp_path_factory.mktemp("scraped")
    JoinModel().publish(folder / "model")
    (folder / "policy.json").write_text('{"revision": 1}')
    for report in REPORTS:
        write_gauges(folder / "reports", report, gauges=figures(report), written_at=datetime.now(UTC))
    environment = own_environment(
        folder,
        SMART_ROUTING_SERVING_SOURCE=str(folder / "model"),
        SMART_ROUTING_SERVING_POLICY_FILE=str(folder / "policy.json"),
        SMART_ROUTING_SERVING_ADMIN_PORT=str(free_port()),
        SMART_ROUTING_MONITORING_REPORTS=str(folder / "reports"),
    )
    with ExitStack() as stack:
        router = stack.enter_context(servers.router_server(folder / "router", environment))
        collector = stack.enter_context(servers.collector_server(folder / "collector", environment))
        exported = stack.enter_context(listening(exporter(folder / "exporter", free_port(), environment=environment)))
        gateway = stack.enter_context(serving(ThreadingHTTPServer((LOOPBACK, 0), Gateway)))
        targets = {
            "router": f"{LOOPBACK}:{environment['SMART_ROUTING_SERVING_ADMIN_PORT']}",
            "collector": collector.url.removeprefix("http://"),
            "exporter": exported.removeprefix("http://"),
            "trino-gateway": f"{LOOPBACK}:{gateway.server_port}",
            "alertmanager": f"{LOOPBACK}:9",
        }
        site = folder / "prometheus"
        prometheus_site(
            site,
            targets={job: [target] for job, target in targets.items()},
            tokens=dict.fromkeys(("router", "collector", "exporter"), "none"),
        )
        look_every_second(site)
        found = Scraper(stack.enter_context(listening(prometheus(site, free_port()))))
        stack.callback(found.close)
        event = EVENT.read_text().splitlines()[0]
        httpx.post(f"{collector.url}{QUERY_EVENTS_PATH}", content=event).raise_for_status()
        numbers = iter(range(10_000))

        def has_rates() -> bool:
            ask_router(router, next(numbers))
            return bool(found.values("smart_routing:error_ratio:increase1h >= 0")) and all(
                found.values(f'count_over_time(up{{job="{job}"}}[1m]) >= 8') for job in targets
            )

        wait_until(has_rates, seconds=60)
        yield found


def look_every_second(site: Path) -> None:
    for config in (site / "prometheus.yml", site / "budgets.yml"):
        text = config.read_text()
        config.unlink()
        config.write_text(re.sub(r"interval: (15s|1m)\b", "interval: 1s", text))


@pytest.mark.parametrize("query", [*panel_queries(), *rule_queries()], ids=lambda query: query.place)
def test_query_asks_for_metrics_and_labels_that_are_exported(scraper: Scraper, query: Query) -> None:
    assert missing(query.expression, scraper.series) == []


@pytest.mark.parametrize("query", panel_queries(), ids=lambda query: query.place)
def test_panel_shows_numbers(scraper: Scraper, query: Query) -> None:
    assert [value for value in scraper.values(query.expression) if not math.isnan(value)]


@pytest.mark.parametrize("query", rule_queries(), ids=lambda query: query.place)
def test_rule_can_be_evaluated(scraper: Scraper, query: Query) -> None:
    assert isinstance(scraper.values(query.expression), list)


def test_prometheus_itself_evaluates_every_rule(scraper: Scraper) -> None:
    loaded = [rule for group in scraper.ask("rules")["groups"] for rule in group["rules"]]
    assert len(loaded) == len(rule_queries())
    assert {rule["name"]: rule.get("lastError") for rule in loaded if rule["health"] != "ok"} == {}


def test_variables_of_dashboards_offer_values(scraper: Scraper) -> None:
    asked = [
        (variable["name"], variable["query"]["query"])
        for dashboard in dashboards().values()
        for variable in dashboard["templating"]["list"]
    ]
    assert asked
    for name, query in asked:
        metric = query.removeprefix("label_values(").removesuffix(f", {name})")
        assert any(series.get(name) for series in scraper.series(metric))


def test_what_is_not_exported_is_found_out(scraper: Scraper) -> None:
    wrong = [
        "rate(smart_routing_decision_total[5m]) > 0",
        'increase(smart_routing_query_events_total{outcome=~"refused|lost"}[5m]) > 0',
        'smart_routing_fallbacks_total{cause!="deadline"} > 0',
        'up{job="routers"} == 0',
        "sum by (tenant) (smart_routing_decisions_total)",
        "smart_routing:error_ratio:increase2h > 0",
    ]
    assert [len(missing(expression, scraper.series)) for expression in wrong] == [1] * len(wrong)


def test_every_declared_gauge_is_on_a_dashboard_or_in_a_rule() -> None:
    asked = json.dumps([query.expression for query in (*panel_queries(), *rule_queries())])
    assert [kind.name for kind in GAUGES if kind.name not in asked] == []
