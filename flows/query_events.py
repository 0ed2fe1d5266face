"""Where flows take query records from: the events they are given, or the store."""

from datetime import datetime
from typing import TYPE_CHECKING

from smart_routing.errors import QueryLogError
from smart_routing.logs import redact
from smart_routing.querylog.records import QueryRecord
from smart_routing.querylog.s3 import SCHEME, connect
from smart_routing.querylog.source import QueryLogReading, read_query_log
from smart_routing.querylog.store import QueryLogStore, open_store
from smart_routing.settings import QueryLogSettings, S3Settings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def open_events(events: str, settings: QueryLogSettings) -> QueryLogReading:
    """The query log at a file, a folder or s3://; raises `QueryLogError` where there is none."""
    return read_query_log(events, rejects=settings.rejects, max_reject_share=settings.max_reject_share, s3=_s3(events))


def open_query_log_store(settings: QueryLogSettings) -> QueryLogStore:
    return open_store(settings.store, s3=_s3(settings.store))


def read_records(
    events: str | None, *, since: datetime | None = None, until: datetime | None = None
) -> list[QueryRecord]:
    """Records created in [since, until), of `events` or else of the store, each query id once; there may be none."""
    settings = QueryLogSettings.load()
    if events is None:
        return list(open_query_log_store(settings).read(since=since, until=until))
    first: dict[str, QueryRecord] = {}
    for record in open_events(events, settings):
        first.setdefault(record.query_id, record)
    return [
        record
        for record in first.values()
        if (since is None or record.create_time >= since) and (until is None or record.create_time < until)
    ]


def read_whole_log(events: str | None) -> list[QueryRecord]:
    """All records; raises `QueryLogError` where the store is empty."""
    records = read_records(events)
    if not records:
        store = QueryLogSettings.load().store
        raise QueryLogError(f"query log store {redact(store)} has no records: ingest some, or give --events")
    return records


def _s3(location: str) -> "S3Client | None":
    return connect(S3Settings.load().endpoint_url) if location.startswith(SCHEME) else None
