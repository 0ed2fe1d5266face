"""The files of infra/ say what the code says."""

import re
from pathlib import Path

import yaml

from models.baseline import MOST_CHARACTERS, MOST_JOINS
from serving.gateway_wire import QueryProperties
from smart_routing.features.statement import StatementKind
from smart_routing.protocol import GATEWAY_ROUTE_PATH, QUERY_EVENTS_PATH
from smart_routing.settings import ServingSettings

INFRA = Path(__file__).parents[2] / "infra"
RULES = INFRA / "trino-gateway" / "rules.yaml"


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


def test_rules_without_the_router_have_the_limits_of_the_heuristic_and_the_routers_groups() -> None:
    rules = {rule["name"]: rule for rule in yaml.safe_load_all(RULES.read_text())}
    settings = ServingSettings()
    wanted = {
        "new_query": "large",
        "short_query": "small",
        "metadata": "small",
        "session": "small",
        "transaction": "large",
    }
    groups = {"small": settings.small_group, "large": settings.large_group}
    assert {name: rule["actions"] for name, rule in rules.items()} == {
        name: [f'result.put("routingGroup", "{groups[group]}")'] for name, group in wanted.items()
    }
    limits = [int(number) for number in re.findall(r"<= (\d+)", rules["short_query"]["condition"])]
    assert limits == [MOST_CHARACTERS, MOST_JOINS + 1, MOST_JOINS + 1]


def test_rules_without_the_router_take_for_metadata_what_the_router_does() -> None:
    rules = {rule["name"]: rule["condition"] for rule in yaml.safe_load_all(RULES.read_text())}
    categories, types = (re.findall(r'"(\w+)"', rules[name]) for name in ("metadata", "session"))
    named = [QueryProperties(query_type="Any", resource_group_query_type=category) for category in categories]
    named += [QueryProperties(query_type=name, resource_group_query_type="DATA_DEFINITION") for name in types]
    assert len(named) == 12
    assert {properties.kind() for properties in named} == {StatementKind.METADATA}
