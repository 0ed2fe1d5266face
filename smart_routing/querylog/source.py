"""Reads a query log (a file, a folder, S3 or MySQL) as a stream of records, bad lines kept aside."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from smart_routing.errors import QueryLogError
from smart_routing.logs import redact
from smart_routing.querylog.entries import Entry, EventSource, source_of_lines
from smart_routing.querylog.files import CSV_SUFFIXES, SUFFIXES, event_files
from smart_routing.querylog.mysql.export import source_of_export
from smart_routing.querylog.mysql.table import SCHEME as MYSQL_SCHEME
from smart_routing.querylog.mysql.table import source_of_table
from smart_routing.querylog.records import QueryRecord
from smart_routing.querylog.rejects import RejectLog, reject_log

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

DEFAULT_MAX_REJECT_SHARE: Final = 0.05


@dataclass(frozen=True, slots=True)
class ReadCounts:
    """Lines (or rows) that became records and those that did not; blank lines count as neither."""

    read: int = 0
    rejected: int = 0

    @property
    def reject_share(self) -> float:
        """0 to 1; 0 when there was no line at all."""
        return self.rejected / max(self.read + self.rejected, 1)


class QueryLogReading:
    """Iterates over a log's records; each iteration is a new pass. `counts` tells of the latest one, so far.

    Raises `QueryLogError` for a file that cannot be read, at the end of a pass that met no event, and at the end of
    one that rejected more than its share: what was yielded by then is good, but the log is not to be trusted.
    """

    def __init__(
        self, location: str, sources: list[EventSource], *, rejects: Path | None, max_reject_share: float
    ) -> None:
        self._location = location
        self._sources = sources
        self._rejects = rejects
        self._max_reject_share = max_reject_share
        self.counts = ReadCounts()

    def __iter__(self) -> Iterator[QueryRecord]:
        read = 0
        self.counts = ReadCounts()
        with reject_log(self._rejects) as rejected:
            for source in self._sources:
                for entry in source.entries():
                    record = _record(entry, file=source.name, rejected=rejected)
                    read += record is not None
                    self.counts = ReadCounts(read, rejected.count)
                    if record is not None:
                        yield record
        self._check(rejected.first)

    def _check(self, first_reasons: list[str]) -> None:
        share, limit = self.counts.reject_share, self._max_reject_share
        if share > limit:
            kept = f"; all are in {self._rejects}" if self._rejects else ""
            raise QueryLogError(
                f"{self._location}: {self.counts.rejected} of {self.counts.read + self.counts.rejected} lines are no "
                f"usable event ({share:.1%}, limit {limit:.1%}): {' | '.join(first_reasons)}{kept}"
            )
        if not self.counts.read:
            raise QueryLogError(
                f"{self._location} holds no event: expected QueryCompletedEvents or rows of trino_queries"
            )


def read_query_log(
    location: str | Path,
    *,
    rejects: Path | None,
    max_reject_share: float = DEFAULT_MAX_REJECT_SHARE,
    s3: "S3Client | None" = None,
) -> QueryLogReading:
    """The log at `location`: files, plain or .gz, in a folder or s3://bucket/prefix, or one file, or a database.

    Files hold JSON Lines of QueryCompletedEvents; those named .csv an export of `trino_queries`, the table of Trino's
    MySQL event listener, which is also what mysql://user:password@host:port/database is read from.
    Lines that are no usable event go to the file `rejects`, which is overwritten; more than `max_reject_share`
    (0 to 1) of them end the reading. Raises `QueryLogError` at once if there is nothing to read.
    """
    if not 0 <= max_reject_share <= 1:
        raise QueryLogError(f"max_reject_share is {max_reject_share}: expected a share from 0 to 1")
    if rejects is not None and _would_read(location, rejects):
        raise QueryLogError(f"reject file {rejects} lies among the events of {location}: expected a path elsewhere")
    sources = _sources(location, s3)
    return QueryLogReading(redact(str(location)), sources, rejects=rejects, max_reject_share=max_reject_share)


def _sources(location: str | Path, s3: "S3Client | None") -> list[EventSource]:
    if str(location).startswith(MYSQL_SCHEME):
        return [source_of_table(str(location))]
    return [
        source_of_export(file) if file.name.endswith(CSV_SUFFIXES) else source_of_lines(file)
        for file in event_files(location, s3)
    ]


def _would_read(location: str | Path, rejects: Path) -> bool:
    """Whether writing `rejects` would overwrite events, or be taken for events by the next run."""
    place, target = Path(location).resolve(), rejects.resolve()
    return target == place or (place in target.parents and target.name.endswith(SUFFIXES))


def _record(entry: Entry, *, file: str, rejected: RejectLog) -> QueryRecord | None:
    if isinstance(entry.event, QueryRecord):
        return entry.event
    rejected.add(file=file, line=entry.number, reason=entry.event.reason, text=entry.text)
    return None
