"""Every alert rule leads to a page that exists and is tested; every query of infra/ is written once."""

import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.promql import INFRA, PROMETHEUS, alerts, dashboards, panel_queries, rule_queries

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("rule", alerts(), ids=lambda rule: rule["alert"])
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
    assert fires == quiet == {rule["alert"] for rule in alerts()}


def test_no_query_is_written_twice() -> None:
    written = Counter(query.expression for query in (*panel_queries(), *rule_queries()))
    assert [expression for expression, count in written.items() if count > 1] == []


def test_dashboards_have_names_and_panels_of_their_own() -> None:
    assert set(dashboards()) == {"router.json", "model.json", "business.json", "drift.json"}
    assert len({dashboard["uid"] for dashboard in dashboards().values()}) == len(dashboards())
    for dashboard in dashboards().values():
        numbers = [panel["id"] for panel in dashboard["panels"]]
        assert sorted(set(numbers)) == sorted(numbers)


def test_dashboards_ask_the_data_source_that_is_provisioned() -> None:
    provisioned = yaml.safe_load((INFRA / "grafana/provisioning/datasources/prometheus.yml").read_text())
    (uid,) = (source["uid"] for source in provisioned["datasources"])
    asked = [
        target["datasource"]["uid"]
        for dashboard in dashboards().values()
        for panel in dashboard["panels"]
        for target in (panel, *panel["targets"])
    ]
    assert set(asked) == {uid}
