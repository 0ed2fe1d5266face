"""From query records to labelled examples: retries merged, excluded windows out."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from hashlib import sha256
from typing import Final

from models.exclusions import ExclusionWindow
from models.reading import read_texts
from smart_routing.features.context import table_names
from smart_routing.features.facts import Facts
from smart_routing.features.statement import DEFAULT_LIMITS, ParseLimits, StatementKind
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


@dataclass(frozen=True, slots=True)
class Example:
    """One labelled statement: what a router would have known, what it really cost, and what that makes it.

    `retries` are the query ids of the attempts after the first, whose own is the request's.
    """

    request: Request
    statement: Facts
    weight: QueryWeight
    cpu_seconds: float
    peak_memory_bytes: int
    ended_at: datetime
    retries: tuple[str, ...] = ()

    @property
    def heavy(self) -> bool:
        return self.weight is QueryWeight.HEAVY

    def share_of_limit(self, rule: LabelRule) -> float:
        """The cost as a share of its limit, of CPU and memory the larger."""
        return max(self.cpu_seconds / rule.cpu_seconds, self.peak_memory_bytes / rule.memory_bytes)

    @property
    def template(self) -> str:
        return self.statement.template

    @property
    def template_in_schema(self) -> str:
        """Who runs the same template in the same schema does the same work, near enough."""
        return f"{self.template}|{self.request.catalog}.{self.request.schema}"

    @property
    def unit(self) -> str:
        """Template x schema x day: what a certificate counts."""
        return f"{self.template_in_schema}|{self.request.submitted_utc:%Y-%m-%d}"


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
    processes: int | None = None,
) -> Labelled:
    """Merge retries, leave out excluded windows and failures that say nothing of size, and label the rest.

    Each distinct text is read once, in `processes` (default: as many as pay); how many changes nothing in the result.
    """
    ordered = sorted(records, key=lambda record: (record.create_time, record.query_id))
    kept = [record for record in ordered if not any(window.covers(record) for window in exclusions)]
    merged = _merge_retries(kept)
    texts = read_texts(dict.fromkeys(record.text for record in kept), limits, processes=processes)
    examples = [example for attempts in merged if (example := _example(attempts, rule, texts))]
    runs = _Runs(rule, texts)
    return Labelled(
        examples=tuple(examples),
        runs=tuple(run for record in kept if (run := runs.of(record))),
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
    may_go_on: dict[tuple[str, str, str | None, str | None], list[list[QueryRecord]]] = {}
    for record in records:
        key = (record.user, record.text, record.catalog, record.schema)
        known = [chain for chain in may_go_on.pop(key, ()) if not _is_over(chain[-1], record)]
        retried = next((chain for chain in reversed(known) if _retries(record, chain[-1])), None)
        if retried is None:
            retried = []
            chains.append(retried)
            known.append(retried)
        retried.append(record)
        if still := [chain for chain in known if _retriable(chain[-1])]:
            may_go_on[key] = still
    return chains


def _retries(record: QueryRecord, before: QueryRecord) -> bool:
    slack = APPROXIMATE if record.approximate_times else timedelta(0)
    return _retriable(before) and -slack <= record.create_time - before.end_time <= RETRY_WINDOW


def _retriable(record: QueryRecord) -> bool:
    return record.error_code in SIZE_ERROR_CODES or record.error_type in RETRIED_ERROR_TYPES


def _is_over(last: QueryRecord, now: QueryRecord) -> bool:
    """Whether neither this record nor a later one can be a retry."""
    return now.create_time - last.end_time > RETRY_WINDOW


def _example(attempts: Sequence[QueryRecord], rule: LabelRule, texts: Mapping[str, Facts]) -> Example | None:
    """The first attempt's request with the last attempt's numbers; None where they say nothing of size."""
    last = attempts[-1]
    weight = last.weight(rule)
    if weight is None:
        return None
    request = attempts[0].request()
    return Example(
        request=request,
        statement=texts[request.sql],
        weight=weight,
        cpu_seconds=last.cpu_seconds,
        peak_memory_bytes=last.peak_memory_bytes,
        ended_at=max(attempt.end_time for attempt in attempts),
        retries=tuple(attempt.query_id for attempt in attempts[1:]),
    )


class _Runs:
    """Makes runs; those of the same statement in the same session share their keys."""

    def __init__(self, rule: LabelRule, texts: Mapping[str, Facts]) -> None:
        self._rule, self._texts = rule, texts
        self._keys: dict[tuple[str, str, str | None, str | None, str | None], HistoryKeys] = {}

    def of(self, record: QueryRecord) -> Run | None:
        weight = record.weight(self._rule)
        if weight is None:
            return None
        return Run(
            keys=self._keys_of(record),
            ended_at=record.end_time,
            heavy=weight is QueryWeight.HEAVY,
            cpu_seconds=record.cpu_seconds,
            memory_bytes=record.peak_memory_bytes,
            inputs=record.inputs,
        )

    def _keys_of(self, record: QueryRecord) -> HistoryKeys:
        session = (record.text, record.user, record.source, record.catalog, record.schema)
        keys = self._keys.get(session)
        if keys is None:
            request, facts = record.request(), self._texts[record.text]
            keys = HistoryKeys.of(request, facts.template, table_names(request, facts.tables))
            self._keys[session] = keys
        return keys
