"""The benchmark's results: a JSON file with everything, and a section of docs/performance.md."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

from benchmarks.isolation.figures import FEWEST_PAIRS, METRICS, Comparison, LegFigures, Pair, compare
from benchmarks.isolation.training import TrainedRouter
from benchmarks.workload.source import cluster_limits
from infra.local.scale import SCALED_RULE

HEADING: Final = "## Isolation"
TEXT: Final = """{heading}

The same statements at the same times on two equal Trinos in turn (round-robin), and on small/large by the router
(POST /v1/route). Written by `make bench-isolation` on {made_at:%Y-%m-%d}, whatever it says.

| | round-robin | routed | difference | 95% interval |
|---|---|---|---|---|
{rows}

- **Runs**: {pairs} pairs of legs of {minutes:g} minutes at {per_second:g} arrivals a second, seeds {seeds}; the order
  of the legs alternates, and both run for a minute before the first pair. Quantiles are of all pairs' statements
  together; intervals are by bootstrap over pairs, widened for their small number; none for fewer than {fewest}.
- **Machine**: {machine}. Each Trino is pinned to one core; the driver and the router are not. The two Trinos of the
  other leg idle on the same cores meanwhile.
- **Clusters**: one node each with the same JVM. `small`: {small}. `large` and both of the equal ones: {large}.
- **Light and heavy** are by what the round-robin leg measured, not by decisions: heavy from {cpu:g} s of CPU or above
  {memory} bytes, or killed for size; writes are heavy. A leg has {light:.0f} light and {heavy:.0f} heavy ones.
- **Latency** is from a statement's planned arrival to the end of its last run. What small killed for its size was sent
  again to large at once, as its user would; the time of both runs counts.
- **Router**: trained on {log}, {reads} reads, {heavy_reads} of them heavy. {calibration}
  It has no history snapshot: its log is of minutes, and a request knows what ended before the last full hour.
  It sent {light_on_large:.0%} of the light statements to large and {heavy_on_small:.0%} of the heavy ones to small.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """What a run of the benchmark found, and under which conditions."""

    made_at: datetime
    machine: str
    minutes: float
    per_second: float
    router: TrainedRouter
    pairs: tuple[Pair, ...]

    def comparisons(self) -> list[Comparison]:
        return [compare(self.pairs, metric, seed=self.pairs[0].seed) for metric in METRICS]

    def as_json(self) -> dict[str, Any]:
        return {
            "made_at": self.made_at.isoformat(),
            "machine": self.machine,
            "minutes": self.minutes,
            "per_second": self.per_second,
            "label_rule": SCALED_RULE.as_json(),
            "router": {**asdict(self.router), "bundle": None},
            "comparisons": [comparison.as_json() for comparison in self.comparisons()],
            "pairs": [pair.as_json() for pair in self.pairs],
        }

    def __str__(self) -> str:
        return section(self)


def section(results: Results) -> str:
    """The section of docs/performance.md."""
    routed = [pair.routed for pair in results.pairs]
    light, heavy = (_mean([len(getattr(leg, name)) for leg in routed]) for name in ("light", "heavy"))
    return TEXT.format(
        heading=HEADING,
        made_at=results.made_at,
        rows="\n".join(_row(comparison) for comparison in results.comparisons()),
        pairs=len(results.pairs),
        fewest=FEWEST_PAIRS,
        minutes=results.minutes,
        per_second=results.per_second,
        seeds=", ".join(str(pair.seed) for pair in results.pairs),
        machine=results.machine,
        small=cluster_limits("small"),
        large=cluster_limits("large"),
        cpu=SCALED_RULE.cpu_seconds,
        memory=f"{SCALED_RULE.memory_bytes:,}",
        light=light,
        heavy=heavy,
        log=results.router.log,
        reads=results.router.reads,
        heavy_reads=results.router.heavy_reads,
        calibration=results.router.calibration,
        light_on_large=_share(routed, "light_on_large", light),
        heavy_on_small=_share(routed, "heavy_on_small", heavy),
    )


def _row(comparison: Comparison) -> str:
    unit = f" {comparison.unit}" if comparison.unit else ""
    interval = "-" if math.isnan(comparison.low) else f"{comparison.low:+.2f} to {comparison.high:+.2f}{unit}"
    return (
        f"| {comparison.title} | {comparison.round_robin:.2f}{unit} | {comparison.routed:.2f}{unit} "
        f"| {comparison.difference:+.2f}{unit} | {interval} |"
    )


def _mean(numbers: Sequence[float]) -> float:
    return sum(numbers) / len(numbers)


def _share(legs: Sequence[LegFigures], name: str, of: float) -> float:
    return _mean([getattr(leg, name) for leg in legs]) / of if of else math.nan
