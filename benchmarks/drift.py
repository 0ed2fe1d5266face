"""Drift of drawn rows: all columns by numpy, on as many rows as asked, and beside Evidently on fewer of the same rows.

`python -m benchmarks.drift [--rows 1000000] [--evidently-rows 50000] [--pairs 3]` prints seconds of this process's CPU,
which other work on the machine changes little, and the peak memory that each leg added.
"""

import sys
import time
import warnings
from argparse import ArgumentParser
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from resource import RUSAGE_SELF, getrusage
from statistics import median
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np
import pandas as pd

from monitoring.drift.sides import COMPARED_COLUMNS
from monitoring.drift.signals import Drift, drift_signals, last_windows
from monitoring.files import write_report
from monitoring.frame import COLUMNS, HEAVY, HEAVY_PROBABILITY, NEAR_THRESHOLD, SUBMITTED_AT
from monitoring.page import PageContent
from monitoring.policy import judge
from monitoring.reference import LEARNT, Reference
from monitoring.thresholds import read_thresholds
from monitoring.window import Window

DAY: Final = datetime(2026, 10, 9, tzinfo=UTC)
NAMES: Final = {"tenant": 30, "source": 6, "user": 300, "template": 50_000}
HEAVY_FROM: Final = 0.8


def drawn(rows: int, *, start: datetime, days: int, seed: int) -> pd.DataFrame:
    """Rows of a `monitoring_frame` with lognormal features, one in twenty without a value."""
    random = np.random.default_rng(seed)
    score = random.random(rows)
    seconds = np.sort(random.integers(0, days * 86_400, rows))
    told: dict[str, object] = {
        SUBMITTED_AT: pd.Timestamp(start) + pd.to_timedelta(seconds, unit="s"),
        **{name: np.array([f"{name}{n}" for n in range(kinds)], dtype=object)[random.integers(0, kinds, rows)]
           for name, kinds in NAMES.items()},
        HEAVY_PROBABILITY: score,
        HEAVY: score > HEAVY_FROM,
        NEAR_THRESHOLD: np.abs(score - HEAVY_FROM) < 0.05,
    }  # fmt: skip
    for column in COLUMNS:
        if column not in told:
            values = random.lognormal(0, 2, rows).astype(np.float32)
            values[random.random(rows) < 0.05] = np.nan
            told[column] = values
    return pd.DataFrame(told).astype({SUBMITTED_AT: "datetime64[us, UTC]"})


def ours(reference: Reference, current: pd.DataFrame) -> Drift:
    rules = read_thresholds()
    return drift_signals(
        reference, current, last_windows(Window.before(DAY + timedelta(days=1), timedelta(days=1)), rules), rules
    )


def evidently(reference: pd.DataFrame, current: pd.DataFrame) -> None:
    """Its drift preset with its own PSI over the same columns, without drawing."""
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset

    columns = list(COMPARED_COLUMNS)
    names = [name for name in columns if name in NAMES]
    definition = DataDefinition(numerical_columns=[c for c in columns if c not in NAMES], categorical_columns=names)
    sides = [Dataset.from_pandas(side[columns], data_definition=definition) for side in (current, reference)]
    Report([DataDriftPreset(columns=columns, method="psi")]).run(*sides).dict()


def page(reference: Reference, current: pd.DataFrame, drift: Drift) -> None:
    """The page for people, of a sample."""
    rules = read_thresholds()
    content = PageContent(
        version="v1",
        verdict=judge(drift.signals, rules),
        signals=drift.signals,
        drift=drift,
        reference=reference,
        current=current,
    )
    with TemporaryDirectory() as folder:
        write_report(content, Path(folder), rules)


def measured(name: str, leg: Callable[[], object]) -> float:
    """CPU seconds of a leg, printed with the wall time and what it added to the peak of memory."""
    peak, cpu, wall = getrusage(RUSAGE_SELF).ru_maxrss, time.process_time(), time.perf_counter()
    leg()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    added = (getrusage(RUSAGE_SELF).ru_maxrss - peak) / 1024
    sys.stdout.write(f"{name:44} {cpu:7.2f} s CPU {wall:7.2f} s wall, peak +{added:.0f} MB\n")
    sys.stdout.flush()
    return cpu


def main() -> None:
    parser = ArgumentParser(prog="python -m benchmarks.drift", description=str(__doc__).splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of either side (default %(default)s)")
    parser.add_argument(
        "--evidently-rows", type=int, default=50_000, help="of them for the pairs (default %(default)s)"
    )
    parser.add_argument("--pairs", type=int, default=3, help="(default %(default)s)")
    options = parser.parse_args()
    warnings.simplefilter("ignore")  # of Evidently's imports
    before = drawn(options.rows, start=DAY - timedelta(days=4), days=4, seed=1)
    before[LEARNT] = before[SUBMITTED_AT] < pd.Timestamp(DAY - timedelta(days=2))
    reference, current = Reference(before, dict.fromkeys(COLUMNS, 1.0)), drawn(options.rows, start=DAY, days=1, seed=2)
    told: list[Drift] = []
    measured(f"ours, {options.rows} rows a side", lambda: told.append(ours(reference, current)))
    measured("the page of a sample, with its imports", lambda: page(reference, current, told[0]))
    step = max(options.rows // options.evidently_rows, 1)
    few, fewer = replace(reference, rows=before[::step].reset_index(drop=True)), current[::step].reset_index(drop=True)
    ratios = []
    for _ in range(options.pairs):
        mine = measured(f"ours, {len(fewer)} rows a side", lambda: ours(few, fewer))
        theirs = measured(f"Evidently, {len(fewer)} rows a side", lambda: evidently(few.rows, fewer))
        ratios.append(theirs / mine)
    pairs = ", ".join(f"{ratio:.1f}" for ratio in ratios)
    sys.stdout.write(f"Evidently takes {median(ratios):.1f} times as long (pairs: {pairs})\n")


if __name__ == "__main__":
    main()
