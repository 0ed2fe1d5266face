"""The alert rules ask only for what the code exports and lead to a page that exists."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from serving.collector import Components
from smart_routing.settings import CollectorSettings
from tests.collected import Collected
from tests.served import Served
from tests.unit.serving.events.event_store import RULES, MemoryStore
from tests.unit.serving.known_heavy_store import MemoryKnownHeavy

ROOT = Path(__file__).parents[3]
PROMETHEUS = ROOT / "infra" / "prometheus"
GATEWAY_METRICS = [  # of trino-gateway 20 with a backend "small-1", as its /metrics has them
    "io_trino_gateway_ha_router_name_ClusterStats_cluster_id_small_1_TrinoStatusHealthy",
    "io_airlift_http_client_type_HttpClient_name_ForRouter_RequestFailed",
]
SELECTOR = re.compile(r"(?P<name>\b(?:smart_routing|io|up)(?:_\w+)?\b)?(?:\{(?P<matchers>[^}]*)\})?")
MATCHER = re.compile(r'(\w+)(=~|!=|=)"([^"]*)"')
GROUPING = re.compile(r"\b(?:by|on) \(([^)]*)\)")


@dataclass(frozen=True)
class Sample:
    """A metric that is exported, with its labels."""

    name: str
    labels: dict[str, str]

    def meets(self, matchers: Iterable[tuple[str, str, str]]) -> bool:
        """Whether all matchers (label, operator, value) select this sample; `!=` needs only the label."""
        return all(self._meets(label, operator, value) for label, operator, value in matchers)

    def _meets(self, label: str, operator: str, value: str) -> bool:
        own = self.name if label == "__name__" else self.labels.get(label, "")
        return bool(own) if operator == "!=" else re.fullmatch(value, own) is not None


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load((PROMETHEUS / "alerts.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def jobs() -> list[str]:
    config = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())
    return [scrape["job_name"] for scrape in config["scrape_configs"]]


def samples(text: str, job: str) -> list[Sample]:
    added = {"job": job, "instance": "host:1"}
    found = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return [Sample(sample.name, sample.labels | added) for sample in found]


@pytest.fixture
def exported(serve: Callable[..., Served], tmp_path: Path) -> Iterator[list[Sample]]:
    """What Prometheus has of a router that made one decision, a collector that took nothing yet, and the gateway."""
    (tmp_path / "policy.json").write_text('{"revision": 1}')
    router = serve(policy_file=str(tmp_path / "policy.json"))
    router.route("select 1")
    settings = CollectorSettings(spill_dir=tmp_path / "spill", rejects=tmp_path / "rejects.jsonl")
    with Collected(Components(settings, MemoryStore(), known_heavy=MemoryKnownHeavy(), rules=RULES)) as collector:
        yield [
            *samples(router.admin("GET", "/metrics").text, "router"),
            *samples(collector.get("/metrics").text, "collector"),
            *samples("".join(f"{name} 0\n" for name in GATEWAY_METRICS), "trino-gateway"),
            *(sample for job in jobs() for sample in samples("up 1\n", job)),
        ]


def unknown(expression: str, exported: list[Sample]) -> list[str]:
    """Selectors of a rule that nothing exported meets (each alternative of `a|b` has to be), and unknown labels."""
    labels = {label for sample in exported for label in sample.labels}
    grouped = {label for found in GROUPING.findall(expression) for label in found.split(", ")}
    selectors = [found for found in SELECTOR.finditer(expression) if found[0]]
    return [found[0] for found in selectors if not is_known(found, exported)] + sorted(grouped - labels)


def is_known(selector: re.Match[str], exported: list[Sample]) -> bool:
    named = [sample for sample in exported if selector["name"] in (None, sample.name)]
    matchers = MATCHER.findall(selector["matchers"] or "")
    alternatives = [[(label, operator, one) for one in value.split("|")] for label, operator, value in matchers]
    return all(any(sample.meets(chosen) for sample in named) for chosen in product(*alternatives))


def test_rules_ask_for_metrics_and_labels_that_are_exported(exported: list[Sample]) -> None:
    assert {rule["alert"]: missing for rule in rules() if (missing := unknown(rule["expr"], exported))} == {}


def test_what_is_not_exported_is_found_out(exported: list[Sample]) -> None:
    wrong = [
        "rate(smart_routing_decision_total[5m]) > 0",
        'increase(smart_routing_query_events_total{outcome=~"refused|lost"}[5m]) > 0',
        'smart_routing_fallbacks_total{cause!="deadline"} > 0',
        'up{job="routers"} == 0',
        "sum by (tenant) (smart_routing_decisions_total)",
    ]
    assert [len(unknown(expression, exported)) for expression in wrong] == [1] * len(wrong)


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_rule_leads_to_its_part_of_the_operations_page(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in {"critical", "warning"}
    assert {"summary", "description", "runbook"} == set(rule["annotations"])
    page, anchor = rule["annotations"]["runbook"].split("#")
    headings = re.findall(r"^#+ (.+)$", (ROOT / page).read_text(), re.MULTILINE)
    assert anchor == rule["alert"].lower()
    assert rule["alert"] in headings


def test_every_rule_is_tested_to_fire_and_to_stay_quiet() -> None:
    tests = [
        test for file in (PROMETHEUS / "tests").glob("*.yml") for test in yaml.safe_load(file.read_text())["tests"]
    ]
    cases = [case for test in tests for case in test["alert_rule_test"]]
    fires = {case["alertname"] for case in cases if case["exp_alerts"]}
    quiet = {case["alertname"] for case in cases if not case["exp_alerts"]}
    assert fires == quiet == {rule["alert"] for rule in rules()}
