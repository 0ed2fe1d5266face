"""The queries of infra/, in dashboards and rules, and what they ask for that nothing exports."""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, Final

import yaml

INFRA: Final = Path(__file__).parents[1] / "infra"
PROMETHEUS: Final = INFRA / "prometheus"
DASHBOARDS: Final = INFRA / "grafana" / "dashboards"

Series = Callable[[str], Sequence[Mapping[str, str]]]
"""The labels of each series that a selector finds."""

_SELECTOR: Final = re.compile(
    r"(?P<name>\b(?:(?:smart_routing|io|process)[_:][\w:]*|up\b))?(?:\{(?P<matchers>[^}]*)\})?"
)
_MATCHER: Final = re.compile(r'(\w+)(=~|!=|=)"([^"]*)"')
_GROUPING: Final = re.compile(r"\b(?:by|on) \(([^)]*)\)")
_RANGES: Final = {"$__rate_interval": "1m", "$__range": "1m"}
_VARIABLE: Final = re.compile(r"\$\w+")


@dataclass(frozen=True, slots=True)
class Query:
    """An expression as Prometheus takes it, and where it is."""

    place: str
    expression: str


def rules() -> list[dict[str, Any]]:
    """Of all files that prometheus.yml names."""
    files = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())["rule_files"]
    groups = [group for file in files for group in yaml.safe_load((PROMETHEUS / file).read_text())["groups"]]
    return [rule for group in groups for rule in group["rules"]]


def alerts() -> list[dict[str, Any]]:
    return [rule for rule in rules() if "alert" in rule]


def rule_queries() -> list[Query]:
    return [Query(rule.get("alert") or rule["record"], rule["expr"]) for rule in rules()]


def dashboards() -> dict[str, dict[str, Any]]:
    """By the name of the file."""
    return {file.name: json.loads(file.read_text()) for file in sorted(DASHBOARDS.glob("*.json"))}


def panel_queries() -> list[Query]:
    """The expressions of all panels, a dashboard's variables replaced by all that they may be."""
    return [
        Query(f"{name}: {panel['title']} {target['refId']}", _replaced(target["expr"]))
        for name, dashboard in dashboards().items()
        for panel in dashboard["panels"]
        for target in panel["targets"]
    ]


def missing(expression: str, series: Series) -> list[str]:
    """Selectors that find nothing, one for each alternative of `a|b`, and labels that no series of theirs has.

    Of a matcher `label!="a"` the label is asked for, whatever its value.
    """
    found = {selector: series(selector) for selector in _selectors(expression)}
    labels = {label for many in found.values() for one in many for label in one}
    grouped = {label for listed in _GROUPING.findall(expression) for label in listed.split(", ") if label}
    return [selector for selector, many in found.items() if not many] + sorted(grouped - labels)


def _replaced(expression: str) -> str:
    for name, value in _RANGES.items():
        expression = expression.replace(name, value)
    return _VARIABLE.sub(".*", expression)


def _selectors(expression: str) -> Iterator[str]:
    for found in _SELECTOR.finditer(expression):
        if found[0]:
            matchers = _MATCHER.findall(found["matchers"] or "")
            for chosen in product(*(_alternatives(*matcher) for matcher in matchers)):
                yield f"{found['name'] or ''}{{{','.join(chosen)}}}"


def _alternatives(label: str, operator: str, value: str) -> list[str]:
    if operator == "!=":
        return [f'{label}!=""']
    return [f'{label}{operator}"{one}"' for one in (value.split("|") if operator == "=~" else [value])]
