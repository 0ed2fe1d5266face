"""The pictures of an evaluation, drawn from holdout rows that the model decided; and any picture as inline SVG."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from html import escape
from io import StringIO
from pathlib import Path
from typing import Final

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from sklearn.metrics import precision_recall_curve

from models.calibrate import FrontierPoint
from models.cost import misrouting_cost
from models.reports.reliability import Reliability
from models.scoring import Scored
from smart_routing.bundle import Threshold
from smart_routing.labels import LabelRule

_LIGHT: Final = "#4c78a8"
_HEAVY: Final = "#e45756"
_GREY: Final = "#777777"
_SHARES: Final = (0.0, 0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """What is drawn: the holdout as routed, the threshold with its certificate, reliability, and the frontier if known.

    `told` is the reliability of calibrated probabilities, `raw` that of scores.
    """

    rows: Scored
    threshold: Threshold
    rule: LabelRule
    told: Reliability
    raw: Reliability
    frontier: tuple[FrontierPoint, ...] = ()


def draw(drawn: Drawn, folder: Path) -> tuple[Path, ...]:
    """Write the pictures as PNG files into an existing folder; none where the model decided rows of one class only."""
    heavy = drawn.rows.by_model().heavy
    if not 0 < heavy.sum() < len(heavy):
        return ()
    for name, picture in _PICTURES.items():
        _save(folder / name, drawn, picture)
    return tuple(folder / name for name in _PICTURES)


def svg(picture: Callable[[Axes], object], *, name: str) -> str:
    """One picture as an element of an HTML page, with `name` for those who cannot see it; its text stays text."""
    text = StringIO()
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": name}):
        _figure(picture).savefig(text, format="svg", metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")))
    drawn = text.getvalue()
    return drawn[drawn.index("<svg") :].replace("<svg ", f'<svg role="img" aria-label="{escape(name)}" ', 1)


def _save(path: Path, drawn: Drawn, picture: Callable[[Axes, Drawn], None]) -> None:
    _figure(lambda axes: picture(axes, drawn)).savefig(path)


def _figure(picture: Callable[[Axes], object]) -> Figure:
    figure = Figure(figsize=(7, 4.5), dpi=110, layout="constrained")
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    picture(axes)
    return figure


def _precision_recall(axes: Axes, drawn: Drawn) -> None:
    rows, threshold = drawn.rows.by_model(), drawn.threshold.value
    precision, recall, _ = precision_recall_curve(rows.heavy, rows.score)
    decided = rows.score >= threshold
    here = (rows.heavy & decided).sum() / rows.heavy.sum(), (rows.heavy & decided).sum() / max(1, decided.sum())
    axes.plot(recall, precision, color=_HEAVY)
    axes.plot(*here, "o", color="black")
    axes.annotate(f"threshold {threshold:.4f}", here, xytext=(-8, 8), textcoords="offset points", ha="right")
    axes.axhline(rows.heavy.mean(), color=_GREY, linestyle=":", label="share of heavy statements")
    axes.set(xlabel="recall of heavy statements", ylabel="precision", xlim=(0, 1.02), ylim=(0, 1.02))
    axes.set_title("Precision and recall on the holdout")
    axes.legend(frameon=False, loc="lower left")


def _scores_by_class(axes: Axes, drawn: Drawn) -> None:
    rows, threshold = drawn.rows.by_model(), drawn.threshold.value
    bins = np.geomspace(1e-4, 1.0, 41).tolist()
    score = rows.score.clip(bins[0])
    shown = [score[~rows.heavy], score[rows.heavy]]
    axes.hist(shown, bins=bins, label=["light", "heavy"], color=[_LIGHT, _HEAVY], stacked=False)
    axes.axvline(threshold, color="black", linestyle="--", label=f"threshold {threshold:.4f}")
    axes.set(xscale="log", xlabel="score", ylabel="statements")
    axes.set_title("Scores on the holdout, by what the statements turned out to be")
    axes.legend(frameon=False)


def _cost(axes: Axes, drawn: Drawn) -> None:
    rows, threshold = drawn.rows.by_model(), drawn.threshold.value
    thresholds = np.geomspace(1e-4, 1.0, 120)
    costs = [misrouting_cost(rows, threshold=float(value), rule=drawn.rule).sum() for value in thresholds]
    axes.plot(thresholds, costs, color=_LIGHT)
    axes.axvline(threshold, color="black", linestyle="--", label=f"threshold {threshold:.4f}")
    axes.set(xscale="log", xlabel="threshold on the score", ylabel="CPU seconds lost", ylim=(0, None))
    axes.set_title("Cost of wrong decisions on the holdout")
    axes.legend(frameon=False)


def _reliability(axes: Axes, drawn: Drawn) -> None:
    """Axes by square roots: most statements are light, and their bins would lie on one another."""
    told, raw = drawn.told.bins, drawn.raw.bins
    found = np.array([part.found.value for part in told])
    reach = np.array([[part.found.value - part.found.low, part.found.high - part.found.value] for part in told]).T
    axes.plot([0, 1], [0, 1], color=_GREY, linestyle=":", label="perfect")
    axes.plot([part.told for part in raw], [part.found.value for part in raw], "x", color=_GREY, label="raw score")
    axes.errorbar(
        [part.told for part in told],
        found,
        yerr=reach,
        fmt="o",
        color=_HEAVY,
        capsize=3,
        clip_on=False,
        label="told probability",
    )
    for part in told:
        place = part.told, part.found.high
        axes.annotate(
            str(part.rows), place, xytext=(0, 4), textcoords="offset points", ha="center", fontsize=7, rotation=90
        )
    for axis, set_scale in ((axes.xaxis, axes.set_xscale), (axes.yaxis, axes.set_yscale)):
        set_scale("function", functions=(_root, np.square))
        axis.set_ticks(_SHARES, labels=[f"{share:g}" for share in _SHARES])
    axes.set(xlabel="P(heavy) told, mean of the bin", ylabel="share found heavy", xlim=(0, 1), ylim=(0, 1.02))
    axes.set_title("Reliability on the holdout; statements per bin, 95% intervals")
    axes.legend(frameon=False, loc="upper left")


def _frontier(axes: Axes, drawn: Drawn) -> None:
    """False alarms against misses: the holdout at every threshold, and what the calibration block promised."""
    units, light = drawn.rows.heavy_units(), drawn.rows.where(~drawn.rows.heavy)
    thresholds = np.unique(drawn.rows.by_model().score)
    missed, alarmed = _shares_below(units.score, thresholds), 1 - _shares_below(light.score, thresholds)
    axes.step(missed, alarmed, color=_LIGHT, where="post", label="holdout, at every threshold")
    here = np.array([drawn.threshold.value])
    at_threshold = _shares_below(units.score, here), 1 - _shares_below(light.score, here)
    axes.plot(*at_threshold, "o", color="black", label="holdout, at the threshold")
    supported = [(point.bound, point.false_positive_rate) for point in drawn.frontier if point.threshold is not None]
    axes.plot(*np.array(supported).reshape(-1, 2).T, "o", color=_HEAVY, label="calibration block, at supported bounds")
    certificate = drawn.threshold.certificate
    if certificate:
        axes.axvline(certificate.bound, color="black", linestyle="--", label=f"certified bound {certificate.bound:.0%}")
    axes.set(xlabel="share of heavy template-schema-days missed", ylabel="share of light statements on large")
    axes.set(xlim=(0, 0.3), ylim=(0, 1))
    axes.set_title("What fewer misses cost in false alarms")
    axes.legend(frameon=False)


def _shares_below(score: NDArray[np.float64], thresholds: NDArray[np.float64]) -> NDArray[np.float64]:
    """The share of scores below each threshold, shape (thresholds,)."""
    return np.searchsorted(np.sort(score), thresholds, side="left") / max(1, len(score))


def _root(value: NDArray[np.float64]) -> NDArray[np.float64]:
    """Matplotlib asks for values a hair below 0 too."""
    root: NDArray[np.float64] = np.sqrt(np.maximum(value, 0.0))
    return root


_PICTURES: Final[Mapping[str, Callable[[Axes, Drawn], None]]] = {
    "precision_recall.png": _precision_recall,
    "scores_by_class.png": _scores_by_class,
    "cost_against_threshold.png": _cost,
    "reliability.png": _reliability,
    "frontier.png": _frontier,
}
