"""Figures that flows leave for Prometheus: every gauge declared once, and the files that flows write whole."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from math import isfinite
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import msgspec

from smart_routing.errors import GaugeError
from smart_routing.whole_file import replace_file


@dataclass(frozen=True, slots=True)
class GaugeKind:
    """A gauge that a flow may report; a label that a figure leaves out is empty, to Prometheus the same as none."""

    name: str
    documentation: str
    labels: tuple[str, ...] = ()


TRUTH: Final = ("tenant", "view", "model_version")

GAUGES: Final = (
    GaugeKind("smart_routing_live_fnr", "Heavy statements decided light.", TRUTH),
    GaugeKind("smart_routing_live_fpr", "Light statements decided heavy.", TRUTH),
    GaugeKind("smart_routing_live_cpu_weighted_fnr", "CPU of heavy statements decided light.", TRUTH),
    GaugeKind("smart_routing_label_coverage", "Decisions whose statement's end is known.", TRUTH),
    GaugeKind("smart_routing_near_threshold_share", "Reads whose score is near the threshold.", ()),
    GaugeKind("smart_routing_drift_share", "The model's gain in columns that moved.", ()),
    GaugeKind("smart_routing_signal", "1 where the signal speaks, 0 where it is quiet.", ("name", "tier", "tenant")),
    GaugeKind("smart_routing_verdict", "1 for the verdict in force.", ("kind",)),
    GaugeKind(
        "smart_routing_feature_skew", "Vectors that differ when they are made again offline.", ("model_version",)
    ),
    GaugeKind(
        "smart_routing_statement_seconds",
        "Time from creation to end, routed or in the control group, by what was decided.",
        ("decision", "group", "quantile"),
    ),
    GaugeKind("smart_routing_statements", "Statements that these times are of.", ("decision", "group")),
    GaugeKind("smart_routing_saving_share", "Nodes that the split fleet does without, an estimate.", ("basis",)),
)
"""`tenant` is catalog.schema, or "all"; `view` is model or routed. Shares are 0 to 1."""

REPORTS: Final = ("truth", "drift", "business")
"""What may be reported, each in a file of its own; skew is part of the truth."""

_KINDS: Final = MappingProxyType({kind.name: kind for kind in GAUGES})


class Gauge(msgspec.Struct, frozen=True):
    """One figure."""

    name: str
    labels: dict[str, str]
    value: float


class GaugeReport(msgspec.Struct, frozen=True):
    """The figures of a report, and when it was written; a file may tell more, which is left alone."""

    written_at: datetime
    gauges: tuple[Gauge, ...]


def report_file(reports: Path, name: str) -> Path:
    """Where the figures of the report `name`, one of `REPORTS`, are kept; raises `GaugeError` for another."""
    if name not in REPORTS:
        raise GaugeError(f"report {name!r} is not declared: expected one of {', '.join(REPORTS)}")
    return reports / f"{name}.json"


def write_gauges(
    reports: Path,
    name: str,
    *,
    gauges: Iterable[Gauge],
    written_at: datetime,
    details: Mapping[str, Any] | None = None,
) -> Path:
    """Write the figures of a report, and `details` beside them, as one file whose readers see all of it or nothing.

    Raises `GaugeError` for a figure that is not declared, not finite or told twice, and where the folder cannot be
    written.
    """
    file, report = report_file(reports, name), GaugeReport(written_at, tuple(gauges))
    _check(report, file)
    document = {**(details or {}), "written_at": report.written_at, "gauges": report.gauges}
    try:
        reports.mkdir(parents=True, exist_ok=True)
        replace_file(file, msgspec.json.format(msgspec.json.encode(document), indent=1))
    except OSError as error:
        raise GaugeError(f"{file} cannot be written: {error.strerror}") from error
    return file


def read_gauges(reports: Path, name: str) -> GaugeReport | None:
    """The figures of a report, None where none was written yet; raises `GaugeError` for a file that is no report."""
    file = report_file(reports, name)
    try:
        report = msgspec.json.decode(file.read_bytes(), type=GaugeReport)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError) as error:
        raise GaugeError(f"{file} is no report: {error}") from error
    _check(report, file)
    return report


def _check(report: GaugeReport, file: Path) -> None:
    if report.written_at.tzinfo is None:
        raise GaugeError(f"{file}: written_at {report.written_at} has no time zone")
    seen: set[tuple[str, ...]] = set()
    for gauge in report.gauges:
        kind = _KINDS.get(gauge.name)
        if kind is None or not set(gauge.labels) <= set(kind.labels):
            wanted = "a gauge of monitoring/gauges.py" if kind is None else f"the labels {', '.join(kind.labels)}"
            raise GaugeError(f"{file}: {gauge.name} with {gauge.labels} is not declared: expected {wanted}")
        if not isfinite(gauge.value):
            raise GaugeError(f"{file}: {gauge.name} with {gauge.labels} is {gauge.value}: leave out what is not known")
        series = (gauge.name, *(gauge.labels.get(label, "") for label in kind.labels))
        if series in seen:
            raise GaugeError(f"{file}: {gauge.name} with {gauge.labels} is told twice")
        seen.add(series)
