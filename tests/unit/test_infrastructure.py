"""The files of infra/ say what the code says."""

from pathlib import Path

import yaml

from smart_routing.protocol import GATEWAY_ROUTE_PATH, QUERY_EVENTS_PATH
from smart_routing.settings import ServingSettings

INFRA = Path(__file__).parents[2] / "infra"


def test_gateway_asks_the_router_and_gives_it_the_time_it_may_take() -> None:
    config = yaml.safe_load((INFRA / "trino-gateway" / "config.yaml").read_text())
    external = config["routingRules"]["rulesExternalConfiguration"]
    settings = ServingSettings()
    assert config["routingRules"]["rulesType"] == "EXTERNAL"
    assert config["requestAnalyzerConfig"]["analyzeRequest"]
    assert external["urlPath"] == "${ENV:ROUTER_URL}" + GATEWAY_ROUTE_PATH
    assert {"Authorization", "authorization", "Content-Type", "content-type"} <= set(external["excludeHeaders"])
    assert config["routing"]["defaultRoutingGroup"] == settings.large_group
    timeout = config["serverConfig"]["router.http-client.request-timeout"]
    assert float(timeout.removesuffix("ms")) > settings.deadline_ms


def test_listener_sends_events_where_the_collector_takes_them() -> None:
    lines = (INFRA / "trino" / "http-event-listener.properties").read_text().splitlines()
    listener = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    assert listener["http-event-listener.connect-ingest-uri"].endswith(QUERY_EVENTS_PATH)
    assert listener["http-event-listener.log-completed"] == "true"
    assert int(listener["http-event-listener.connect-retry-count"]) == 5
