"""What statements of the same template cost the same tenant before; not what they say, nor whose they are."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Final

import msgspec
import numpy as np

from smart_routing.features.statement import ParseLimits, read_statement, template_tokens
from smart_routing.labels import LabelRule, QueryWeight
from smart_routing.querylog.anonymize import template_fingerprint
from smart_routing.querylog.records import QueryRecord
from smart_routing.querylog.store import QueryLogStore
from smart_routing.request import Request

EXAMPLES: Final = 5
_DAY: Final = timedelta(days=1)


class PastStatement(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One statement that ended; `weight` is None where it failed and that says nothing of its size."""

    query_id: str
    created_at: datetime
    cpu_seconds: float
    peak_memory_bytes: int
    weight: QueryWeight | None


class SimilarStatements(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What is known of them; the numbers are None where there is none to take them of. `examples`, the latest first.

    `heavy_share` is of those whose weight is known. `searched` counts the statements looked at, of whatever tenant;
    `complete` is False where the search ended before the days did.
    """

    days: float
    runs: int
    heavy_share: float | None
    cpu_seconds_p50: float | None
    cpu_seconds_p90: float | None
    examples: tuple[PastStatement, ...]
    searched: int
    complete: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PastSearch:
    """Where similar statements are looked for, how many days back, and how many statements are read for it at most."""

    store: QueryLogStore
    days: float
    most: int

    def similar(self, request: Request, *, template: str, rule: LabelRule, limits: ParseLimits) -> SimilarStatements:
        """Those created before the request, and ended; weights by `rule`. Raises `QueryLogError`."""
        records, fingerprint = self._records(request), _Fingerprint(limits)
        searched, found = 0, []
        for searched, record in enumerate(islice(records, self.most), start=1):  # noqa: B007  # the last one counts
            if _comparable(record, request) and fingerprint(record) == template:
                found.append(_past(record, rule))
        return _summary(found, days=self.days, searched=searched, complete=next(records, None) is None)

    def _records(self, request: Request) -> Iterator[QueryRecord]:
        """A day at a time, the latest first, so that a search cut short knows the latest."""
        until, first = request.submitted_utc, request.submitted_utc - timedelta(days=self.days)
        while until > first:
            since = max(first, until - _DAY)
            yield from self.store.read(since=since, until=until)
            until = since


def tenant(request: Request) -> tuple[str, ...]:
    """Whose a request is: of its catalog and schema; without either, of its source, else of its user."""
    if request.catalog or request.schema:
        return ("schema", request.catalog or "", request.schema or "")
    return ("source", request.source) if request.source else ("user", request.user)


def _comparable(record: QueryRecord, request: Request) -> bool:
    return not record.running and record.query_id != request.query_id and tenant(record.request()) == tenant(request)


class _Fingerprint:
    """The template of a record, each text read once."""

    def __init__(self, limits: ParseLimits) -> None:
        self._limits = limits
        self._known: dict[str, str] = {}

    def __call__(self, record: QueryRecord) -> str:
        sql = record.request().sql
        if sql not in self._known:
            tokens = template_tokens(sql, self._limits)
            self._known[sql] = template_fingerprint(tokens) if tokens else read_statement(sql, self._limits).template
        return self._known[sql]


def _past(record: QueryRecord, rule: LabelRule) -> PastStatement:
    weight = record.weight(rule)
    return PastStatement(
        query_id=record.query_id,
        created_at=record.create_time,
        cpu_seconds=record.cpu_seconds,
        peak_memory_bytes=record.peak_memory_bytes,
        weight=weight,
    )


def _summary(found: list[PastStatement], *, days: float, searched: int, complete: bool) -> SimilarStatements:
    latest = sorted(found, key=lambda past: (past.created_at, past.query_id), reverse=True)
    heavy = [past.weight == QueryWeight.HEAVY for past in found if past.weight is not None]
    cpu = [past.cpu_seconds for past in found]
    p50, p90 = np.quantile(cpu, (0.5, 0.9)).tolist() if cpu else (None, None)
    return SimilarStatements(
        days=days,
        runs=len(found),
        heavy_share=sum(heavy) / len(heavy) if heavy else None,
        cpu_seconds_p50=p50,
        cpu_seconds_p90=p90,
        examples=tuple(latest[:EXAMPLES]),
        searched=searched,
        complete=complete,
    )
