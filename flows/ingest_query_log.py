"""Ingest: append query events to the store, each once."""

from argparse import Namespace
from dataclasses import asdict, dataclass
from typing import Any

from prefect import flow, task
from prefect.cache_policies import NO_CACHE

from flows.command import CommandParser, add_events, run
from flows.query_events import open_events, open_query_log_store
from smart_routing.logs import redact
from smart_routing.settings import QueryLogSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestSummary:
    """What became of the lines of a query log."""

    read: int
    rejected: int
    added: int
    duplicates: int
    store: str
    rejects: str

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    def __str__(self) -> str:
        told = f"{self.read} events read, {self.rejected} lines rejected"
        aside = f" (kept in {self.rejects})" if self.rejected else ""
        return f"{told}{aside}; {self.added} added to {self.store}, {self.duplicates} were there already"


@flow(name="ingest-query-log")
def ingest_query_log_flow(events: str) -> IngestSummary:
    """Append the events of a file, a folder or s3:// to the store; what is there already is not added twice."""
    return ingest(events, QueryLogSettings.load())


@task(cache_policy=NO_CACHE)
def ingest(events: str, settings: QueryLogSettings) -> IngestSummary:
    reading = open_events(events, settings)
    appended = open_query_log_store(settings).append(reading)
    return IngestSummary(
        read=reading.counts.read,
        rejected=reading.counts.rejected,
        added=appended.added,
        duplicates=appended.duplicates,
        store=redact(settings.store),
        rejects=str(settings.rejects),
    )


def main() -> None:
    parser = CommandParser(module="flows.ingest_query_log", description=str(__doc__))
    add_events(parser, required=True)
    run(parser, _command)


def _command(options: Namespace) -> IngestSummary:
    return ingest_query_log_flow(options.events)


if __name__ == "__main__":
    main()
