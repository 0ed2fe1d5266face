"""Report business figures: how long statements took beside the control group, and what routing would save."""

import json
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from math import isfinite
from typing import Any, Final

import msgspec
import numpy as np
from prefect import flow, task
from prefect.cache_policies import NO_CACHE

from flows.arguments import whole
from flows.command import CommandParser, add_events, run
from flows.logged import find_digest, read_logged
from flows.query_events import read_records
from models.capacity import read_capacity, saving
from models.dataset import label
from models.exclusions import read_exclusions
from models.registry import ModelRegistry
from monitoring.business import Basis, saving_gauges, statement_gauges
from monitoring.gauges import Gauge, write_gauges
from monitoring.truth.join import LATEST, Pair, join
from monitoring.window import CLOCKS_APART, NOW, Window, read_window
from smart_routing import protocol
from smart_routing.labels import LabelRule, QueryWeight
from smart_routing.querylog.records import QueryRecord
from smart_routing.settings import FeatureSettings, MonitoringSettings, RegistrySettings

DEFAULT_WINDOW: Final = "7d"


@dataclass(frozen=True, slots=True)
class Week:
    """What ran in the window, and the decisions that belong to some of it."""

    pairs: tuple[Pair, ...]
    records: tuple[QueryRecord, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BusinessSummary:
    """The figures, and the file that has them."""

    window: str
    statements: int
    joined: int
    gauges: tuple[Gauge, ...]
    file: str

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "gauges": msgspec.to_builtins(self.gauges)}

    def __str__(self) -> str:
        head = f"{self.joined} of {self.statements} statements from {self.window} have a decision; {self.file}"
        return "\n".join((head, *map(_line, self.gauges)))


@flow(name="report-business")
def report_business_flow(
    as_of: str | None = None, window: str = DEFAULT_WINDOW, events: str | None = None, decisions: str | None = None
) -> BusinessSummary:
    """Figures of the statements of the `window` before `as_of` (default: now), all versions' decisions among them."""
    span = read_window(as_of, window, now=datetime.now(UTC))
    week = gather(events, decisions, span)
    gauges = (*statement_gauges(week.pairs), *saving_gauges(estimate(whole(week), find_rule())))
    file = write(gauges)
    return BusinessSummary(
        window=str(span), statements=len(week.records), joined=len(week.pairs), gauges=gauges, file=file
    )


@task(cache_policy=NO_CACHE)
def gather(events: str | None, decisions: str | None, window: Window) -> Week:
    logged, _ = read_logged(decisions, window.start)
    asked = [one for one in logged if window.start <= one.submitted_at < window.end]
    records = read_records(events, since=window.start - CLOCKS_APART, until=window.end + CLOCKS_APART + LATEST)
    inside = tuple(record for record in records if window.start <= record.create_time < window.end)
    return Week(join(asked, records, digest=find_digest()).pairs, inside)


@task(cache_policy=NO_CACHE)
def find_rule() -> LabelRule:
    """What the production version means by heavy."""
    version = ModelRegistry.connect(RegistrySettings.load()).resolve(protocol.ALIAS_PRODUCTION)
    return LabelRule.from_json(json.loads(version.tags[protocol.TAG_LABEL_RULE]))


@task(cache_policy=NO_CACHE)
def estimate(week: Week, rule: LabelRule) -> dict[Basis, float]:
    """By the capacity model, as if every light decision were carried out; what has none counts as on large."""
    examples = label(week.records, rule, read_exclusions(), limits=FeatureSettings.load().parse_limits()).examples
    light = light_ids(week.pairs)
    small = np.array([example.request.query_id in light for example in examples], dtype=np.bool_)
    found = saving(examples, small, rule=rule, inputs=read_capacity())
    shares: dict[Basis, float] = {
        "targets": found.at_targets.saving.value,
        "equal_utilisation": found.at_equal_utilisation.saving.value,
        "routing_alone": found.at_targets.routing_alone.value,
    }
    return {basis: share for basis, share in shares.items() if isfinite(share)}


def light_ids(pairs: Sequence[Pair]) -> set[str]:
    return {pair.record.query_id for pair in pairs if pair.decision.decision is QueryWeight.LIGHT}


@task(cache_policy=NO_CACHE)
def write(gauges: Sequence[Gauge]) -> str:
    return str(write_gauges(MonitoringSettings.load().reports, "business", gauges=gauges, written_at=datetime.now(UTC)))


def _line(gauge: Gauge) -> str:
    labels = ", ".join(gauge.labels.values())
    return f"{gauge.name.removeprefix('smart_routing_')} {labels}: {gauge.value:.4g}"


def main() -> None:
    parser = CommandParser(module="flows.report_business", description=str(__doc__))
    parser.add_argument("--as-of", metavar="ISO", default=NOW, help="end of the window (default %(default)s)")
    parser.add_argument("--window", default=DEFAULT_WINDOW, help="length like 24h, 90m or 7d (default %(default)s)")
    add_events(parser)
    parser.add_argument("--decisions", metavar="DIR", help="decision log (default: the routers')")
    run(parser, _command)


def _command(options: Namespace) -> BusinessSummary:
    window = read_window(options.as_of, options.window, now=datetime.now(UTC))  # before Prefect takes its seconds
    return report_business_flow(window.end.isoformat(), options.window, options.events, options.decisions)


if __name__ == "__main__":
    main()
