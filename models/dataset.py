"""From query records to labelled examples: retries merged, excluded windows out."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from hashlib import sha256
from typing import Final

from models.exclusions import ExclusionWindow
from smart_routing.features.context import table_names
from smart_routing.features.statement import DEFAULT_LIMITS, ParseLimits, Statement, StatementKind, read_statement
from smart_routing.features.tree import walk
from smart_routing.history.keys import HistoryKeys
from smart_routing.history.timeline import Run, Timeline
from smart_routing.labels import SIZE_ERROR_CODES, LabelRule, QueryWeight
from smart_routing.querylog.records import QueryRecord
from smart_routing.request import Request

RETRY_WINDOW: Final = timedelta(minutes=30)
APPROXIMATE: Final = timedelta(seconds=2)
"""How far approximate times may be off, one against another."""
RETRIED_ERROR_TYPES: Final = frozenset({"INTERNAL_ERROR", "EXTERNAL"})
READ_KINDS: Final = frozenset({StatementKind.QUERY, StatementKind.METADATA, StatementKind.UNKNOWN})


@dataclass(frozen=True)
class Example:
    """One labelled statement: what a router would have known, what it really cost, and what that makes it."""

    request: Request
    statement: Statement
    weight: QueryWeight
    cpu_seconds: float
    peak_memory_bytes: int
    ended_at: datetime

    @property
    def heavy(self) -> bool:
        return self.weight is QueryWeight.HEAVY

    @property
    def template(self) -> str:
        return self.statement.template

    @cached_property
    def unit(self) -> str:
        """Template x schema x day: what a certificate counts."""
        request = self.request
        return f"{self.template}|{request.catalog}.{request.schema}|{request.submitted_utc:%Y-%m-%d}"


@dataclass(frozen=True, kw_only=True)
class Labelled:
    """All examples of a log in order of time, the caps they were read under, and what became of the other records.

    `runs` is the past that the examples had, attempt by attempt: whoever asks between two attempts knows the first one.
    """

    examples: tuple[Example, ...]
    runs: tuple[Run, ...] = ()
    records: int
    excluded: int
    merged: int
    dropped: int
    limits: ParseLimits = DEFAULT_LIMITS

    @property
    def reads(self) -> tuple[Example, ...]:
        """Examples of statements that only read; writes are heavy by policy and teach a model nothing."""
        return tuple(example for example in self.examples if example.statement.kind in READ_KINDS)

    @cached_property
    def history(self) -> Timeline:
        """The past of every example, writes among them: they read tables too."""
        return Timeline(self.runs)


def label(
    records: Iterable[QueryRecord],
    rule: LabelRule,
    exclusions: Sequence[ExclusionWindow] = (),
    *,
    limits: ParseLimits = DEFAULT_LIMITS,
) -> Labelled:
    """Merge retries, leave out excluded windows and failures that say nothing of size, and label the rest."""
    ordered = sorted(records, key=lambda record: (record.create_time, record.query_id))
    kept = [record for record in ordered if not any(window.covers(record) for window in exclusions)]
    merged = _merge_retries(kept)
    read = _Reader(limits)
    examples = [example for attempts in merged if (example := _example(attempts, rule, read))]
    return Labelled(
        examples=tuple(examples),
        runs=tuple(run for record in kept if (run := _run(record, rule, read))),
        records=len(ordered),
        excluded=len(ordered) - len(kept),
        merged=len(kept) - len(merged),
        dropped=len(merged) - len(examples),
        limits=limits,
    )


def digest(examples: Iterable[Example]) -> str:
    """First 16 hex of a sha256 over ids, texts and labels: the lineage of a block."""
    content = sha256()
    for example in examples:
        row = (example.request.query_id, example.request.sql, example.weight.value)
        content.update(repr(row).encode())
    return content.hexdigest()[:16]


def _merge_retries(records: Sequence[QueryRecord]) -> list[list[QueryRecord]]:
    """Attempts of one statement, together, in order of the first attempt's time."""
    chains: list[list[QueryRecord]] = []
    of_statement: dict[tuple[str, str, str | None, str | None], list[list[QueryRecord]]] = {}
    for record in records:
        known = of_statement.setdefault((record.user, record.request().sql, record.catalog, record.schema), [])
        retried = next((chain for chain in reversed(known) if _retries(record, chain[-1])), None)
        if retried is not None:
            retried.append(record)
        else:
            known.append([record])
            chains.append(known[-1])
    return chains


def _retries(record: QueryRecord, before: QueryRecord) -> bool:
    retriable = before.error_code in SIZE_ERROR_CODES or before.error_type in RETRIED_ERROR_TYPES
    slack = APPROXIMATE if record.approximate_times else timedelta(0)
    return retriable and -slack <= record.create_time - before.end_time <= RETRY_WINDOW


class _Reader:
    """Reads each text once."""

    def __init__(self, limits: ParseLimits) -> None:
        self._limits = limits
        self._statements: dict[str, Statement] = {}

    def __call__(self, sql: str) -> Statement:
        statement = self._statements.get(sql)
        if statement is None:
            statement = self._statements[sql] = read_statement(sql, self._limits)
        return statement


def _weight(record: QueryRecord, rule: LabelRule) -> QueryWeight | None:
    return rule.weight(
        cpu_seconds=record.cpu_seconds,
        peak_memory_bytes=record.peak_memory_bytes,
        succeeded=not record.failed and not record.running,
        error_code=record.error_code,
    )


def _example(attempts: Sequence[QueryRecord], rule: LabelRule, read: _Reader) -> Example | None:
    """The first attempt's request with the last attempt's numbers; None where they say nothing of size."""
    last = attempts[-1]
    weight = _weight(last, rule)
    if weight is None:
        return None
    request = attempts[0].request()
    return Example(
        request=request,
        statement=read(request.sql),
        weight=weight,
        cpu_seconds=last.cpu_seconds,
        peak_memory_bytes=last.peak_memory_bytes,
        ended_at=max(attempt.end_time for attempt in attempts),
    )


def _run(record: QueryRecord, rule: LabelRule, read: _Reader) -> Run | None:
    weight = _weight(record, rule)
    if weight is None:
        return None
    request = record.request()
    statement = read(request.sql)
    tree = walk(statement.tree) if statement.tree is not None else None
    return Run(
        keys=HistoryKeys.of(request, statement.template, table_names(request, tree)),
        ended_at=record.end_time,
        heavy=weight is QueryWeight.HEAVY,
        cpu_seconds=record.cpu_seconds,
        memory_bytes=record.peak_memory_bytes,
        inputs=record.inputs,
    )
