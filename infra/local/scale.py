"""What counts as heavy on clusters of one machine: those of infra/trino, and those of the bundled log."""

from typing import Final

from smart_routing.labels import LabelRule

SCALED_RULE: Final = LabelRule(cpu_seconds=1.0, memory_bytes=35_791_394)
"""1/300 of the usual 300 s and 10 GiB (data/trino-query-log/SOURCE.md)."""

SCALED_RULE_ARGUMENTS: Final = (
    "--cpu-seconds",
    f"{SCALED_RULE.cpu_seconds:g}",
    "--memory-bytes",
    str(SCALED_RULE.memory_bytes),
)
"""For commands that train."""
