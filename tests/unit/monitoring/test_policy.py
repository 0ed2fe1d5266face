"""The verdict and its sentence."""

from datetime import timedelta

import pytest

from monitoring.drift import ColumnDrift, DriftSummary, NewNames, ShareDrift
from monitoring.policy import judge
from monitoring.thresholds import read_thresholds
from monitoring.window import Window
from tests.unit.monitoring.samples import WINDOW_DAY

THRESHOLDS = read_thresholds()
WINDOW = Window.before(WINDOW_DAY, timedelta(hours=24))


def column(name: str, psi: float, *, gain: float = 0.0) -> ColumnDrift:
    return ColumnDrift(column=name, psi=psi, limit=0.1, gain_share=gain)


def heavy_share(now: float, *, drifted: bool) -> ShareDrift:
    return ShareDrift(name="heavy", reference=0.14, current=now, drifted=drifted)


def tenants(now: float, *names: str) -> NewNames:
    return NewNames(kind="tenant", reference=0.0, current=now, drifted=bool(names), names=names)


def summary(
    *columns: ColumnDrift,
    shares: tuple[ShareDrift, ...] = (heavy_share(0.15, drifted=False),),
    new_names: tuple[NewNames, ...] = (),
    heavy_columns: tuple[ColumnDrift, ...] = (),
) -> DriftSummary:
    return DriftSummary(
        window=WINDOW,
        reference_rows=1000,
        current_rows=300,
        columns=(column("token_count", 0.02), *columns),
        shares=shares,
        new_names=new_names,
        heavy_columns=heavy_columns,
    )


SCORE = column("heavy_probability", 0.31)


@pytest.mark.parametrize(
    ("found", "signals", "told"),
    [
        pytest.param(
            summary(new_names=(tenants(0.05, "lake.research"),)),
            ("new_names",),
            "New since the version was made: the tenant of 5.0% of the statements (lake.research; usually 0.0%)",
            id="a new tenant",
        ),
        pytest.param(
            summary(shares=(heavy_share(0.3, drifted=True),)),
            ("prediction",),
            "The share called heavy is 30.0%, was 14.0%",
            id="heavy share",
        ),
        pytest.param(summary(SCORE), ("prediction",), "The scores moved (PSI 0.31)", id="scores"),
        pytest.param(
            summary(heavy_columns=(SCORE,)),
            ("prediction",),
            "The scores of statements called heavy moved (PSI 0.31)",
            id="scores of the heavy",
        ),
        pytest.param(
            summary(column("node_count", 0.4, gain=0.35)),
            ("inputs",),
            "Columns with 35.0% of the model's gain moved",
            id="inputs",
        ),
        pytest.param(
            summary(SCORE, new_names=(tenants(0.05, "lake.a"),)),
            ("new_names", "prediction"),
            "; the scores moved (PSI 0.31)",
            id="two at once",
        ),
    ],
)
def test_a_signal_is_an_alert_with_its_reason(found: DriftSummary, signals: tuple[str, ...], told: str) -> None:
    verdict = judge(found, THRESHOLDS)
    assert verdict.kind == "alert"
    assert verdict.signals == signals
    assert told in verdict.reason


def test_an_alert_names_the_columns_that_moved_most() -> None:
    verdict = judge(
        summary(column("a", 0.2), column("b", 0.5, gain=0.4), column("c", 0.3), column("d", 0.15)), THRESHOLDS
    )
    assert verdict.reason.endswith(
        "most moved: b (PSI 0.50, limit 0.10), c (PSI 0.30, limit 0.10), a (PSI 0.20, limit 0.10)."
    )


@pytest.mark.parametrize(
    "found",
    [
        pytest.param(summary(), id="nothing"),
        pytest.param(summary(column("node_count", 0.4, gain=0.1)), id="one column of little gain"),
        pytest.param(summary(heavy_columns=(column("node_count", 0.4),)), id="one column of the heavy"),
        pytest.param(summary(new_names=(tenants(0.01),)), id="few new names"),
    ],
)
def test_without_a_signal_there_is_no_alert(found: DriftSummary) -> None:
    verdict = judge(found, THRESHOLDS)
    assert verdict.kind == "none"
    assert verdict.signals == ()
    assert "300 read statements look as the 1000 of the reference did; 15.0% called heavy, was 14.0%" in verdict.reason


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        (0, "The model decided no read statement from 2026-10-08 00:00 to 2026-10-09 00:00 UTC."),
        (12, "12 read statements from 2026-10-08 00:00 to 2026-10-09 00:00 UTC against 1000 of the reference"),
    ],
    ids=["empty", "too few"],
)
def test_what_was_not_compared_is_no_data(rows: int, told: str) -> None:
    verdict = judge(DriftSummary(window=WINDOW, reference_rows=1000, current_rows=rows), THRESHOLDS)
    assert verdict.kind == "no data"
    assert told in verdict.reason
