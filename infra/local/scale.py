"""What counts as heavy on clusters of one machine: those of infra/trino, and those of the bundled log."""

from collections.abc import Iterable
from typing import Final

from smart_routing.labels import LabelRule
from smart_routing.querylog.records import QueryRecord

SCALED_RULE: Final = LabelRule(cpu_seconds=1.0, memory_bytes=35_791_394)
"""1/300 of the usual 300 s and 10 GiB (data/trino-query-log/SOURCE.md)."""

SCALED_RULE_ARGUMENTS: Final = (
    "--cpu-seconds",
    f"{SCALED_RULE.cpu_seconds:g}",
    "--memory-bytes",
    str(SCALED_RULE.memory_bytes),
)
"""For commands that train."""

LEAST_HEAVY: Final = 100
"""Statements of a log; a model and its certificate can be made from no fewer."""


def fitting_rule(records: Iterable[QueryRecord]) -> LabelRule:
    """The usual limits, or the scaled ones where fewer than `LEAST_HEAVY` statements cost more than the usual.

    Failures for size say nothing of these limits: a small cluster has small ones of its own.
    """
    usual = LabelRule()
    passing = (
        record.cpu_seconds >= usual.cpu_seconds or record.peak_memory_bytes > usual.memory_bytes for record in records
    )
    return usual if sum(passing) >= LEAST_HEAVY else SCALED_RULE
