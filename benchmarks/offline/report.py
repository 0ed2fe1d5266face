"""The benchmark's results: a JSON file with everything, and a section of docs/performance.md."""

from dataclasses import asdict, dataclass
from datetime import datetime
from statistics import median
from typing import Any, Final

from benchmarks.offline.drawn_log import DrawnLog
from benchmarks.offline.rates import Rates
from benchmarks.offline.training import Training

MOST_SECONDS: Final = 20 * 60
MOST_BYTES: Final = 8 * 2**30
LEAST_RATE: Final = 1000.0
"""What is promised of a log of 1.2 M rows on 2 cores."""

TEXT: Final = """## Offline path

Training on a log of {rows:,} rows in {days} days, {repeats:.0%} of them repeats of a text, drawn from the bundled log
(literals, tables and aliases varied; benchmarks/offline/drawn_log.py). Written by `make bench-offline` on
{made_at:%Y-%m-%d}, whatever it says.

| stage | wall | CPU |
|---|---|---|
{stages}
| **all** | **{wall:.0f} s** | **{cpu:.0f} s** |

- **Time**: {minutes:.1f} minutes; 1.2 M rows are to take less than 20.
- **Memory**: {memory:.1f} GiB at most, all processes together; 1.2 M rows are to take less than 8.
- **Log**: {texts:,} distinct texts, {reads:,} reads. The trees saw {trained_on:,} rows of the training block
  (`rows.most` in models/params.toml) and {terms:,} terms; {columns:,} columns were left, in {rounds:,} rounds.
- **Featurized**: {ours:,.0f} statements a second and core from text to row, to be at least 1,000; a bare sqlglot parse
  and scikit-learn's TfidfVectorizer on the same {statements:,} statements: {theirs:,.0f}. Medians of {rate_rounds}
  alternating rounds, by CPU time.
- **Machine**: {machine}.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class OfflineResults:
    """What a run of the benchmark found, and under which conditions."""

    made_at: datetime
    machine: str
    log: DrawnLog
    training: Training
    peak_bytes: int
    rates: Rates

    @property
    def wall_seconds(self) -> float:
        return sum(stage.wall_seconds for stage in self.training.stages)

    @property
    def holds(self) -> bool:
        """Whether this log kept the promise made for one of 1.2 M rows."""
        fast = median(self.rates.ours) >= LEAST_RATE and self.wall_seconds < MOST_SECONDS
        return fast and self.peak_bytes < MOST_BYTES

    def as_json(self) -> dict[str, Any]:
        return {
            "made_at": self.made_at.isoformat(),
            "machine": self.machine,
            "log": asdict(self.log),
            "wall_seconds": self.wall_seconds,
            "peak_bytes": self.peak_bytes,
            "holds": self.holds,
            "training": asdict(self.training),
            "rates": asdict(self.rates),
        }

    def __str__(self) -> str:
        return section(self)


def section(results: OfflineResults) -> str:
    """The section of docs/performance.md."""
    training, rates = results.training, results.rates
    return TEXT.format(
        made_at=results.made_at,
        rows=training.rows,
        days=results.log.days,
        repeats=results.log.repeats,
        stages="\n".join(
            f"| {one.name} | {one.wall_seconds:.0f} s | {one.cpu_seconds:.0f} s |" for one in training.stages
        ),
        wall=results.wall_seconds,
        cpu=sum(stage.cpu_seconds for stage in training.stages),
        memory=results.peak_bytes / 2**30,
        minutes=results.wall_seconds / 60,
        texts=training.texts,
        reads=training.reads,
        trained_on=training.trained_on,
        terms=training.terms,
        columns=training.columns,
        rounds=training.rounds,
        ours=median(rates.ours),
        theirs=median(rates.parse_and_tfidf),
        statements=rates.statements,
        rate_rounds=len(rates.ours),
        machine=results.machine,
    )
