"""The drift page for people: the verdict, and Evidently's drawings of a sample."""

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from monitoring.drift.columns import ColumnDrift
from monitoring.drift.sides import FEATURE_COLUMNS
from monitoring.drift.signals import Drift
from monitoring.frame import HEAVY_PROBABILITY, SOURCE, TENANT
from monitoring.heading import heading
from monitoring.policy import Verdict
from monitoring.reference import FITTED_COLUMNS, LEARNT, Reference
from monitoring.signals import Signal
from monitoring.thresholds import DriftThresholds
from smart_routing.features.schema import DENSE_FEATURES

if TYPE_CHECKING:
    from evidently.core.report import Snapshot

ALWAYS: Final = (HEAVY_PROBABILITY, TENANT, SOURCE)
COUNTS: Final = frozenset(feature.name for feature in DENSE_FEATURES if feature.group in {"text", "tree"}) - {
    "parse_status",  # a code
    "top_limit",  # -1 without one
    "join_graph_density",  # a share
}
"""Never negative and often with a long tail: drawn as ln(1 + x)."""

_PSI: Final = "smart_routing_psi"
_PSI_TOLD: Final = "PSI over the reference's deciles, beyond chance"
_BODY: Final = "<body>"


@dataclass(frozen=True, slots=True, kw_only=True)
class PageContent:
    """What a page tells of: `version` is the model's, and `current` the window's `monitoring_frame`."""

    version: str
    verdict: Verdict
    signals: tuple[Signal, ...]
    drift: Drift
    reference: Reference
    current: pd.DataFrame


def write_page(content: PageContent, path: Path, thresholds: DriftThresholds) -> "Snapshot":
    """Write one HTML file that needs no network; the drift must have compared something. Returns Evidently's report.

    Evidently is given our distances, so its table and the verdict agree; both sides are sampled to
    `thresholds.page.rows`.
    """
    window = content.drift.window
    reference = _sample(_fair(content.reference.outside(window.start, window.end)), thresholds.page.rows)
    current = _sample(content.current, thresholds.page.rows)
    columns = drawable(page_columns(content.drift, most=thresholds.page.columns), reference, current)
    with _evidently():
        snapshot = _draw(
            _drawn(reference, columns),
            _drawn(current, columns),
            columns=columns,
            large=thresholds.psi,
            moment=window.end,
        )
        snapshot.save_html(str(path))
    told = heading(content.version, content.verdict, content.drift, signals=content.signals, rules=thresholds)
    path.write_text(_with_heading(path.read_text(), told))
    return snapshot


def page_columns(drift: Drift, *, most: int) -> tuple[ColumnDrift, ...]:
    """The prediction, the context, then `most` features: those that drifted, and after them those of most gain."""
    of = {column.column: column for column in drift.columns}
    features = [of[name] for name in FEATURE_COLUMNS if name in of]
    ranked = sorted(
        features, key=lambda column: (not (column.drifted and column.gain_share), -column.gain_share, -column.distance)
    )
    return tuple(of[name] for name in ALWAYS if name in of) + tuple(ranked[:most])


def drawable(columns: tuple[ColumnDrift, ...], *samples: pd.DataFrame) -> tuple[ColumnDrift, ...]:
    """The columns with a value in every sample: Evidently draws no other, a history that just began for instance."""
    return tuple(column for column in columns if all(sample[column.column].notna().any() for sample in samples))


def _fair(reference: Reference) -> pd.DataFrame:
    """The reference's rows, what the fit has coloured left empty; Evidently leaves empty values out."""
    coloured = [column for column in FITTED_COLUMNS if reference.rows[column].dtype.kind == "f"]
    rows = reference.rows.copy()
    rows.loc[rows[LEARNT], coloured] = np.nan
    return rows


def _drawn(frame: pd.DataFrame, columns: tuple[ColumnDrift, ...]) -> pd.DataFrame:
    names = [column.column for column in columns]
    return pd.DataFrame(
        {_title(name): np.log1p(frame[name]) if name in COUNTS else frame[name] for name in names}
    ).reset_index(drop=True)


def _title(column: str) -> str:
    return f"ln(1 + {column})" if column in COUNTS else column


def _sample(frame: pd.DataFrame, most: int) -> pd.DataFrame:
    return frame.sample(most, random_state=0) if len(frame) > most else frame


def _draw(
    reference: pd.DataFrame, current: pd.DataFrame, *, columns: tuple[ColumnDrift, ...], large: float, moment: datetime
) -> "Snapshot":
    # A late import: it takes five seconds, and most of monitoring can do without.
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset

    _register({_title(column.column): column for column in columns})
    categories = [name for name in current if current[name].dtype.kind == "O"]
    numbers = [name for name in current if name not in categories]
    definition = DataDefinition(numerical_columns=numbers, categorical_columns=categories)
    preset = DataDriftPreset(
        columns=list(current),
        method=_PSI,
        threshold=large,
    )
    sides = [Dataset.from_pandas(side, data_definition=definition) for side in (current, reference)]
    return Report([preset], include_tests=True).run(*sides, timestamp=moment)


def _register(columns: Mapping[str, ColumnDrift]) -> None:
    """Make our distances known to Evidently, whose own PSI has bins of equal width and misses shifts of heavy tails."""
    from evidently.legacy.calculations.stattests import StatTest, register_stattest
    from evidently.legacy.core import ColumnType

    def told(_: "pd.Series[Any]", current: "pd.Series[Any]", *__: object) -> tuple[float, bool]:
        column = columns[str(current.name)]
        return column.distance, column.drifted

    kinds = [ColumnType.Numerical, ColumnType.Categorical]
    register_stattest(StatTest(name=_PSI, display_name=_PSI_TOLD, allowed_feature_types=kinds), told)


@contextmanager
def _evidently() -> Iterator[None]:
    """Evidently 0.7 warns of what NumPy, pandas and pydantic will take away; its pin keeps that from happening."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _with_heading(page: str, told: str) -> str:
    if _BODY not in page:
        raise AssertionError(f"Evidently's page has no {_BODY}")
    return page.replace(_BODY, f"{_BODY}{told}", 1)
