"""Publish the fleet's past week as a history snapshot, which routers take within seconds."""

import json
from argparse import Namespace
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from prefect import flow, task
from prefect.cache_policies import NO_CACHE

from flows.arguments import whole
from flows.command import CommandParser, add_events, instant, run
from flows.query_events import read_records
from models.dataset import Labelled, label
from models.exclusions import read_exclusions
from models.registry import ModelRegistry
from smart_routing import protocol
from smart_routing.errors import QueryLogError, UnknownModelVersionError
from smart_routing.history.measures import WINDOW, known_until
from smart_routing.history.snapshot import Snapshot
from smart_routing.labels import LabelRule
from smart_routing.querylog.s3 import connect
from smart_routing.settings import FeatureSettings, HistorySettings, RegistrySettings, S3Settings
from smart_routing.stored_file import open_file


@dataclass(frozen=True, slots=True, kw_only=True)
class HistorySummary:
    """What was published: the snapshot's name, the end of what it knows, and how much that is."""

    snapshot: str
    as_of: str
    statements: int
    keys: int
    bytes: int
    file: str

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    def __str__(self) -> str:
        told = f"{self.statements} statements up to {self.as_of}, {self.keys} keys, {self.bytes} bytes"
        return f"history snapshot {self.snapshot}: {told}, at {self.file}"


@flow(name="build-history")
def build_history_flow(events: str | None = None, as_of: datetime | None = None) -> HistorySummary:
    """The week before `as_of` (default: the last full hour), by the label rule of the production version."""
    moment = known_until(datetime.now(UTC)) if as_of is None else as_of.astimezone(UTC)
    rule = find_rule()
    labelled = label_week(events, moment, rule)
    if not any(run.ended_at < moment for run in labelled.runs):
        raise QueryLogError(f"no statement ended in the week before {moment.isoformat()}: nothing is published")
    return publish(whole(labelled), moment, rule, HistorySettings.load())


@task(cache_policy=NO_CACHE)
def find_rule() -> LabelRule:
    """What the production version means by heavy; the usual rule where there is none yet."""
    registry = ModelRegistry.connect(RegistrySettings.load())
    try:
        version = registry.resolve(protocol.ALIAS_PRODUCTION)
    except UnknownModelVersionError:
        return LabelRule()
    return LabelRule.from_json(json.loads(version.tags[protocol.TAG_LABEL_RULE]))


@task(cache_policy=NO_CACHE)
def label_week(events: str | None, moment: datetime, rule: LabelRule) -> Labelled:
    records = read_records(events, since=moment - WINDOW - timedelta(days=1), until=moment)
    return label(records, rule, read_exclusions(), limits=FeatureSettings.load().parse_limits())


@task(cache_policy=NO_CACHE)
def publish(labelled: Labelled, moment: datetime, rule: LabelRule, settings: HistorySettings) -> HistorySummary:
    ttl = timedelta(hours=settings.ttl_hours)
    content = Snapshot.of(labelled.history, moment, rule=rule, ttl=ttl, most_keys=settings.most_keys)
    snapshot = Snapshot.from_bytes(content)
    file = open_file(settings.snapshot, lambda: connect(S3Settings.load().endpoint_url), what="history snapshot")
    file.write(content)
    return HistorySummary(
        snapshot=snapshot.snapshot,
        as_of=moment.isoformat(),
        statements=sum(example.ended_at < moment for example in labelled.examples),
        keys=len(snapshot),
        bytes=len(content),
        file=str(file),
    )


def main() -> None:
    parser = CommandParser(module="flows.build_history", description=str(__doc__))
    add_events(parser)
    parser.add_argument("--as-of", type=instant, metavar="ISO", help="end of the week (default: the last full hour)")
    run(parser, _command)


def _command(options: Namespace) -> HistorySummary:
    return build_history_flow(options.events, options.as_of)


if __name__ == "__main__":
    main()
