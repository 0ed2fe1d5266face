"""The three pictures of an evaluation: precision and recall, scores by class, cost against threshold."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn.metrics import precision_recall_curve

from models.cost import misrouting_cost
from models.scoring import Scored
from smart_routing.labels import LabelRule

_LIGHT: Final = "#4c78a8"
_HEAVY: Final = "#e45756"
_GREY: Final = "#777777"


def draw(rows: Scored, *, threshold: float, rule: LabelRule, folder: Path) -> None:
    """Write the plots of holdout rows that the model decided as PNG files into an existing folder."""
    decided = rows.by_model()
    _save(folder / "precision_recall.png", lambda axes: _precision_recall(axes, decided, threshold))
    _save(folder / "scores_by_class.png", lambda axes: _scores_by_class(axes, decided, threshold))
    _save(folder / "cost_against_threshold.png", lambda axes: _cost(axes, decided, threshold, rule))


def _save(path: Path, plot: Callable[[Axes], None]) -> None:
    figure = Figure(figsize=(7, 4.5), dpi=110, layout="constrained")
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    plot(axes)
    figure.savefig(path)


def _precision_recall(axes: Axes, rows: Scored, threshold: float) -> None:
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


def _scores_by_class(axes: Axes, rows: Scored, threshold: float) -> None:
    bins = np.geomspace(1e-4, 1.0, 41).tolist()
    score = rows.score.clip(bins[0])
    shown = [score[~rows.heavy], score[rows.heavy]]
    axes.hist(shown, bins=bins, label=["light", "heavy"], color=[_LIGHT, _HEAVY], stacked=False)
    axes.axvline(threshold, color="black", linestyle="--", label=f"threshold {threshold:.4f}")
    axes.set(xscale="log", xlabel="P(heavy)", ylabel="statements")
    axes.set_title("Scores on the holdout, by what the statements turned out to be")
    axes.legend(frameon=False)


def _cost(axes: Axes, rows: Scored, threshold: float, rule: LabelRule) -> None:
    thresholds = np.geomspace(1e-4, 1.0, 120)
    costs = [misrouting_cost(rows, threshold=float(value), rule=rule).sum() for value in thresholds]
    axes.plot(thresholds, costs, color=_LIGHT)
    axes.axvline(threshold, color="black", linestyle="--", label=f"threshold {threshold:.4f}")
    axes.set(xscale="log", xlabel="threshold on P(heavy)", ylabel="CPU seconds lost", ylim=(0, None))
    axes.set_title("Cost of wrong decisions on the holdout")
    axes.legend(frameon=False)
