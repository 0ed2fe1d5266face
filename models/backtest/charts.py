"""The curves of a backtest, drawn: of one split, and step by step."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.ticker import PercentFormatter

from models.backtest.html import figure
from models.backtest.result import Judged, Standing
from models.backtest.rolling import Turn
from models.contenders.field import OURS
from models.reports.plots import svg

_COLOURS: Final = {
    OURS: "#1f5fa8",
    "template_p90": "#d1702a",
    "text_boosting": "#2f8f5b",
    "heuristic": "#8c5aa8",
    "all_heavy": "#5b6675",
    "oracle": "#b8a000",
    "lightgbm": "#c23b78",
}
_PERCENT: Final = PercentFormatter(1.0, decimals=0)


def error_rates(contenders: Mapping[str, Judged]) -> str:
    """FNR against FPR."""

    def plot(axes: Axes) -> None:
        for name, judged in contenders.items():
            if judged.curve:
                axes.plot(judged.curve.false_positive_rate, judged.curve.false_negative_rate, **_line(name))
            _mark(axes, name, judged, lambda found: (_fpr(found), found.figures.false_negative_rate.value))
        axes.set(xlabel="light statements sent to large (FPR)", ylabel="heavy statements sent to small (FNR)")
        _percents(axes)
        axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))

    return figure(
        svg(plot, name="FNR against FPR"),
        "FNR against FPR on the holdout, rows; every threshold of the contenders whose scores rank. Circle: its own "
        "threshold; diamond: the threshold certified for the bound. Lower left is better.",
    )


def costs(contenders: Mapping[str, Judged]) -> str:
    """Cost against light share."""

    def plot(axes: Axes) -> None:
        for name, judged in contenders.items():
            if judged.curve:
                axes.plot(judged.curve.light_share, judged.curve.cost, **_line(name))
            _mark(axes, name, judged, lambda found: (found.figures.light_share, found.figures.cost))
        axes.xaxis.set_major_formatter(_PERCENT)
        axes.set(xlabel="reads sent to small (light share)", ylabel="CPU seconds lost by wrong decisions")
        axes.set(xlim=(-0.02, 1.02), ylim=(0, None))

    return figure(
        svg(plot, name="Cost against light share"),
        "CPU seconds lost by wrong decisions on the holdout against the share of its reads that goes to small; every "
        "threshold. Circle: own threshold; diamond: certified. Lower is better.",
    )


def frontiers(contenders: Mapping[str, Judged]) -> str:
    """What each bound leaves light."""

    def plot(axes: Axes) -> None:
        for name, judged in contenders.items():
            points = [point for point in judged.frontier if point.light_share is not None]
            if points:
                shares = [point.light_share or 0.0 for point in points]
                axes.plot([point.bound for point in points], shares, marker="D", markersize=5, **_line(name))
        axes.set(xlabel="certified bound on the FNR", ylabel="reads sent to small (light share)")
        _percents(axes)
        axes.set(xlim=(0, 0.11), ylim=(-0.02, 1.02), xticks=[0.01, 0.02, 0.05, 0.10])

    return figure(
        svg(plot, name="Frontier of bounds"),
        "What each bound on the FNR of heavy template-schema-days leaves light, on the calibration block. A bound "
        "without a point is not supported: too few heavy template-schema-days.",
    )


def savings(contenders: Mapping[str, Judged]) -> str:
    """Saving against the clusters' target utilisation, at own thresholds."""

    def plot(axes: Axes) -> None:
        for name, judged in contenders.items():
            rows = judged.own_saving.tabulated
            targets = [row.utilisation.large for row in rows]
            axes.plot(targets, [row.saving.value for row in rows], marker="o", markersize=4, **_line(name))
            if name == OURS:
                low, high = [row.saving.low for row in rows], [row.saving.high for row in rows]
                axes.fill_between(targets, low, high, color=_colour(OURS), alpha=0.15, linewidth=0)
        axes.axhline(0.0, color="#9aa5b4", linewidth=1)
        axes.set(xlabel="target utilisation of both clusters in the peak hour", ylabel="nodes saved")
        _percents(axes)

    return figure(
        svg(plot, name="Saving against utilisation"),
        "Share of the symmetric fleet's nodes saved, at own thresholds, where both clusters run at the target in their "
        "peak hours. Band: 95% interval of ours, templates drawn with replacement.",
    )


def step_misses(turns: Sequence[Turn]) -> str:
    """FNR of ours by step, beside the bound."""

    def plot(axes: Axes) -> None:
        found = [turn.own[OURS] for turn in turns]
        rates = [one.figures.unit_false_negative_rate for one in found]
        moments, values = _moments(turns), np.array([rate.value for rate in rates])
        errors = np.array([[rate.value - rate.low for rate in rates], [rate.high - rate.value for rate in rates]])
        errors = errors.clip(0.0)  # the interval of a skewed share need not hold it
        axes.errorbar(moments, values, yerr=errors, fmt="o", color=_colour(OURS), capsize=3, label=f"{OURS}: FNR")
        bounds = [one.threshold.certificate.bound if one.threshold.certificate else np.nan for one in found]
        axes.step(moments, bounds, where="mid", color="#b3261e", label="certified bound", marker="_")
        axes.yaxis.set_major_formatter(_PERCENT)
        axes.set(ylabel="heavy template-schema-days sent to small", ylim=(-0.01, None))
        _legend(axes)
        _dates(axes)

    return figure(
        svg(plot, name="FNR by step"),
        "FNR of heavy template-schema-days by step, at the threshold certified before the step; bars: 95% intervals, "
        "templates drawn with replacement. A step without a red mark had no certificate.",
    )


def step_light(turns: Sequence[Turn]) -> str:
    """Light share by step."""
    chart = _by_step(turns, lambda found: found.figures.light_share, label="reads sent to small (light share)")
    return figure(
        svg(lambda axes: chart(axes, _PERCENT), name="Light share by step"),
        "Share of each step's reads that goes to small, at own thresholds.",
    )


def step_costs(turns: Sequence[Turn]) -> str:
    """Cost by step."""
    chart = _by_step(turns, lambda found: found.figures.cost, label="CPU seconds lost by wrong decisions")
    return figure(
        svg(lambda axes: chart(axes, None), name="Cost by step"),
        "CPU seconds lost by each step's wrong decisions, at own thresholds.",
    )


def _by_step(
    turns: Sequence[Turn], value: Callable[[Standing], float], *, label: str
) -> Callable[[Axes, PercentFormatter | None], None]:
    def plot(axes: Axes, formatter: PercentFormatter | None) -> None:
        for name in turns[0].own:
            axes.plot(
                _moments(turns), [value(turn.own[name]) for turn in turns], marker="o", markersize=4, **_line(name)
            )
        if formatter:
            axes.yaxis.set_major_formatter(formatter)
        axes.set(ylabel=label, ylim=(0, None))
        _legend(axes)
        _dates(axes)

    return plot


def _mark(axes: Axes, name: str, judged: Judged, place: Callable[[Standing], tuple[float, float]]) -> None:
    label = None if judged.curve else name
    axes.plot(*place(judged.own), "o", color=_colour(name), markersize=7, label=label)
    if judged.certified:
        axes.plot(*place(judged.certified), "D", color=_colour(name), markersize=6, markerfacecolor="white")
    _legend(axes)


def _fpr(found: Standing) -> float:
    return found.figures.false_positive_rate.value


def _colour(name: str) -> str:
    return _COLOURS.get(name, "#1c2430")


def _line(name: str) -> dict[str, Any]:
    return {"color": _colour(name), "linewidth": 2.2 if name == OURS else 1.4, "label": name}


def _percents(axes: Axes) -> None:
    axes.xaxis.set_major_formatter(_PERCENT)
    axes.yaxis.set_major_formatter(_PERCENT)
    _legend(axes)


def _legend(axes: Axes) -> None:
    """Nothing where nothing is drawn."""
    if axes.get_legend_handles_labels()[0]:
        axes.legend(frameon=False, fontsize=9)


def _moments(turns: Sequence[Turn]) -> list[Any]:
    return [turn.step.begin for turn in turns]


def _dates(axes: Axes) -> None:
    locator = AutoDateLocator(minticks=3, maxticks=8)  # type: ignore[no-untyped-call]  # Matplotlib leaves it untyped
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]  # this too
