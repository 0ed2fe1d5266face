"""The files of infra/ say what the code says."""

import re
from dataclasses import fields
from pathlib import Path

import pytest
import yaml

from infra.local.stack.site import Ports
from models.baseline import MOST_CHARACTERS, MOST_JOINS
from serving.trino_gateway.wire import QueryProperties
from smart_routing.features.statement import StatementKind
from smart_routing.protocol import GATEWAY_ROUTE_PATH, QUERY_EVENTS_PATH
from smart_routing.settings import ServingSettings

ROOT = Path(__file__).parents[2]
INFRA = ROOT / "infra"
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
    listener = properties("http-event-listener.properties")
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


def properties(name: str) -> dict[str, str]:
    """A file of infra/trino."""
    lines = (INFRA / "trino" / name).read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def test_clusters_differ_in_their_limits_only() -> None:
    small, large = (properties(f"{kind}/config.properties") for kind in ("small", "large"))
    limits = {name for name in small.keys() | large.keys() if small.get(name) != large.get(name)}
    assert limits == {"query.max-memory", "query.max-memory-per-node", "query.max-cpu-time", "query.max-execution-time"}
    assert [properties(f"{kind}/node.properties")["node.environment"] for kind in ("small", "large")] == [
        "small",
        "large",
    ]


def test_services_keep_the_plugins_that_the_clusters_use() -> None:
    kept = re.search(r"^readonly TRINO_PLUGINS=\((.*)\)$", (INFRA / "local" / "services.sh").read_text(), re.MULTILINE)
    catalogs = {file.name for file in (INFRA / "trino" / "catalog").iterdir()}
    assert kept is not None
    assert set(kept[1].split()) == {
        "http-event-listener",
        *(properties(f"catalog/{name}")["connector.name"] for name in catalogs),
    }


@pytest.mark.parametrize("name", [field.name for field in fields(Ports)])
def test_ports_of_the_stack_are_documented(name: str) -> None:
    section = (ROOT / "docs" / "operations.md").read_text().partition("## The whole stack")[2].partition("\n## ")[0]
    assert str(getattr(Ports(), name)) in section
