"""The report of a model for people: one HTML page that needs no network, beside its pictures and figures as JSON."""

import json
import math
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import islice
from pathlib import Path
from typing import Final, Self

from models.calibrate import FrontierPoint
from models.candidate import Candidate, Exam, Examination
from models.dataset import Example
from models.evaluate import Figures
from models.finite import finite
from models.reports.plots import Drawn, draw
from models.reports.reliability import ReliabilityBin
from models.reports.review import Review, review
from models.reports.text import holdout_says, labelled_line, making_line, ways_of_deciding
from models.split import Blocks, summaries
from models.strata import LEAST_HEAVY
from smart_routing.inference import Model
from smart_routing.page import html_page, html_table

REPORT: Final = "report.html"
FIGURES: Final = "evaluation.json"
MOST_GAINS: Final = 20
UNDEFINED: Final = "-"

_STYLE: Final = """
body { max-width: 80em } table { font-size: .93em } td.name { min-width: 7em } .number + .text { padding-left: 1em }
section { overflow-x: auto }
.pictures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(34em, 100%), 1fr)); gap: 1em }
img { width: 100% } .passed { color: #1a6b35 } .failed { color: #a11a1a } pre { font-size: .85em }
.bar { width: 50% } .bar div { background: #4c78a8; height: .9em; margin-top: .3em }
"""
_QUANTITIES: Final = frozenset(
    {"reads", "rows", "heavy", "missed", "misses allowed", "threshold", "P(heavy) told", "found heavy", "light"}
    | {"FNR, rows", "FNR, template-days", "FNR by CPU", "FPR, rows", "FPR", "PR-AUC", "cost, CPU s"}
)


@dataclass(frozen=True, kw_only=True)
class ReportContent:
    """What a report tells.

    `candidate` is how the model was made; None for a version that another run has made.
    """

    title: str
    model: Model
    blocks: Blocks
    examination: Examination
    review: Review
    candidate: Candidate | None = None

    @classmethod
    def of_training(cls, candidate: Candidate, examination: Examination) -> Self:
        """Of a training run, which knows all."""
        model, split = candidate.model, candidate.split
        return cls(
            title="A candidate, trained and examined",
            model=model,
            blocks=split.blocks,
            examination=examination,
            review=_review(model, examination, split.holdout, before=split.train + split.calibration),
            candidate=candidate,
        )

    @classmethod
    def of_version(cls, model: Model, exam: Exam, examination: Examination) -> Self:
        """Of a registered version."""
        blocks = {"before": exam.before, "holdout": exam.holdout}
        return cls(
            title=f"Version {model.version}, examined",
            model=model,
            blocks={name: block for name, block in blocks.items() if block},
            examination=examination,
            review=_review(model, examination, exam.holdout, before=exam.before),
        )


def write_report(content: ReportContent, folder: Path) -> None:
    """Write report.html, its pictures as PNG and evaluation.json into a folder, made where it is missing."""
    folder.mkdir(parents=True, exist_ok=True)
    document = content.examination.as_json() | {"review": content.review.as_json()}
    (folder / FIGURES).write_text(json.dumps(finite(document), indent=2, sort_keys=True))
    pictures = draw(_drawn(content), folder)
    (folder / REPORT).write_text(report_page(content, pictures))


def report_page(content: ReportContent, pictures: Iterable[Path] = ()) -> str:
    """The page; pictures are PNG files that become part of it. Whatever came from a log is escaped."""
    candidate = content.candidate
    parts = (
        _verdict(content),
        _certificate(content),
        _making(content),
        _frontier(candidate) if candidate else "",
        _rivals(content),
        _strata(content.review),
        _reliability(content.review),
        _pictures(pictures),
        _gains(candidate.trained.gain) if candidate else "",
    )
    return html_page(content.title, "".join(f"<section>{part}</section>" for part in parts), style=_STYLE)


def _review(model: Model, examination: Examination, holdout: Sequence[Example], *, before: Sequence[Example]) -> Review:
    bundle = model.bundle
    return review(examination.rows, holdout, before=before, threshold=bundle.threshold, rule=bundle.label_rule)


def _drawn(content: ReportContent) -> Drawn:
    bundle, candidate = content.model.bundle, content.candidate
    return Drawn(
        rows=content.examination.rows,
        threshold=bundle.threshold,
        rule=bundle.label_rule,
        told=content.review.told,
        raw=content.review.raw,
        frontier=candidate.calibration.frontier if candidate else (),
    )


def _verdict(content: ReportContent) -> str:
    verdict = content.examination.verdict
    told = "passed" if verdict.passed else "failed"
    reasons = "".join(f'<p class="note">{escape(reason)}</p>' for reason in verdict.reasons)
    checks = ((check.what, check.found, check.expected, "ok" if check.passed else "failed") for check in verdict.checks)
    table = html_table(("check", "found", "expected", ""), checks)
    return (
        f'<p>The gate: <b class="{told}">{told}</b>.</p>{reasons}'
        f"<details><summary>{len(verdict.checks)} checks</summary>{table}</details>"
    )


def _certificate(content: ReportContent) -> str:
    bundle, told = content.model.bundle, content.model.probability
    threshold, rule = bundle.threshold, bundle.label_rule
    promise = (
        f"{threshold.certificate}; {holdout_says(content.examination.report)}" if threshold.certificate else "none"
    )
    return (
        f"<p><b>Certificate:</b> {escape(promise)}.</p>"
        f"<p>A statement is heavy that takes {rule.cpu_seconds:g} s of CPU or more, takes more than "
        f"{rule.memory_bytes / 2**20:,.1f} MiB of memory, or fails for its size. The model sends one to large at a "
        f"score of {threshold.value:.4f} or more, told as P(heavy) {told(threshold.value):.4f}; where nothing is known "
        f"of its past, from {threshold.without_history:.4f} on, told as {told(threshold.without_history):.4f}.</p>"
    )


def _making(content: ReportContent) -> str:
    rows = (
        (name, f"{block.reads:,}", f"{block.heavy:,}", f"{block.first:%Y-%m-%d %H:%M}", f"{block.last:%Y-%m-%d %H:%M}")
        for name, block in summaries(content.blocks).items()
    )
    table = html_table(("block", "reads", "heavy", "first (UTC)", "last (UTC)"), rows, numbers=_QUANTITIES)
    candidate = content.candidate
    if candidate is None:
        return f"<h2>Data</h2>{table}"
    params = json.dumps(candidate.params.model_dump(), indent=2)
    return (
        f"<h2>What was trained</h2><p>{escape(labelled_line(candidate.labelled))}.</p>{table}"
        f"<p>{escape(making_line(candidate))}.</p>"
        f"<details><summary>Parameters</summary><pre>{escape(params)}</pre></details>"
    )


def _frontier(candidate: Candidate) -> str:
    calibration = candidate.calibration
    points = {f"{point.bound:.0%}": point for point in calibration.frontier}
    if calibration.blind is not None:
        points[f"{calibration.blind.bound:.0%}, nothing known of the past"] = calibration.blind
    heads = ("bound", "misses allowed", "threshold", "FPR", "light")
    table = html_table(heads, (_point(name, point) for name, point in points.items()), numbers=_QUANTITIES)
    return (
        "<h2>What each bound would take</h2>"
        f"<p>On the calibration block with its {calibration.heavy_units} heavy template-schema-days; the smallest "
        f"bound that leaves enough statements light is certified.</p>{table}"
    )


def _point(name: str, point: FrontierPoint) -> tuple[str, ...]:
    if point.threshold is None:
        return name, "not supported", UNDEFINED, UNDEFINED, UNDEFINED
    return (
        name,
        str(point.misses_allowed),
        f"{point.threshold:.4f}",
        _percent(point.false_positive_rate),
        _percent(point.light_share),
    )


def _rivals(content: ReportContent) -> str:
    report = content.examination.report
    rows = ((name, *_figures(figures)) for name, figures in ways_of_deciding(report).items())
    heads = ("decided by", "rows", "heavy", "missed", "FNR, rows", "FNR, template-days", "FNR by CPU", "FPR, rows")
    table = html_table((*heads, "light", "PR-AUC", "cost, CPU s"), rows, numbers=_QUANTITIES)
    against = f" Cost against the champion's: {report.cost_difference}." if report.cost_difference else ""
    return (
        "<h2>On the holdout</h2><p><i>Routed</i> is every read after the whole policy chain, <i>model only</i> what "
        "the model decided. 95% intervals over templates; cost in CPU seconds lost by wrong decisions; FNR by CPU "
        f"weighs heavy statements by the CPU they took.{escape(against)}</p>{table}"
    )


def _figures(figures: Figures) -> tuple[str, ...]:
    return (
        f"{figures.rows:,}",
        f"{figures.heavy:,}",
        f"{figures.missed:,}",
        str(figures.false_negative_rate),
        str(figures.unit_false_negative_rate),
        _percent(figures.cpu_weighted_false_negative_rate),
        str(figures.false_positive_rate),
        _percent(figures.light_share),
        UNDEFINED if figures.average_precision is None else f"{figures.average_precision:.3f}",
        f"{figures.cost:,.1f}",
    )


def _strata(found: Review) -> str:
    heads = ("part", "rows", "heavy", "missed", "FNR, rows", "FPR, rows", "light", "cost, CPU s", "")
    table = html_table(heads, _parts(found.strata), numbers=_QUANTITIES)
    return (
        "<h2>Parts of the holdout</h2><p>As routed. Seen is what the blocks before the holdout have; near is a cost "
        f"within a factor of 2 of a limit. Parts with fewer than {LEAST_HEAVY} heavy statements say too little to be "
        f"judged.</p>{table}<p>{escape(str(found.noise))}.</p>"
    )


def _parts(strata: Mapping[str, Mapping[str, Figures]]) -> Iterator[tuple[str, ...]]:
    for way, parts in strata.items():
        for name, figures in parts.items():
            rows, heavy, missed, by_rows, _, _, alarms, light, _, cost = _figures(figures)
            doubt = "" if figures.heavy >= LEAST_HEAVY else "not judged"
            yield f"{way}: {name}", rows, heavy, missed, by_rows, alarms, light, cost, doubt


def _reliability(found: Review) -> str:
    told, raw = found.told, found.raw
    table = html_table(("bin", "rows", "heavy", "P(heavy) told", "found heavy"), _bins(told.bins), numbers=_QUANTITIES)
    return (
        "<h2>Reliability</h2><p>Where the model decided: of the statements told to be heavy with some probability, how "
        f"many were. Expected calibration error {told.ece:.4f} (of raw scores {raw.ece:.4f}), Brier score "
        f"{told.brier:.4f} ({raw.brier:.4f}); bins of equal mass, exact binomial 95% intervals.</p>{table}"
    )


def _bins(bins: Iterable[ReliabilityBin]) -> Iterator[tuple[str, ...]]:
    for place, part in enumerate(bins, start=1):
        yield str(place), str(part.rows), str(part.heavy), f"{part.told:.2%}", str(part.found)


def _pictures(pictures: Iterable[Path]) -> str:
    shown = "".join(
        f'<img alt="{escape(picture.stem.replace("_", " "))}" '
        f'src="data:image/png;base64,{b64encode(picture.read_bytes()).decode()}">'
        for picture in pictures
    )
    return f'<h2>Pictures</h2><div class="pictures">{shown}</div>' if shown else ""


def _gains(gain: Mapping[str, float]) -> str:
    """Shares of the total gain; `gain` has the largest first."""
    whole = sum(gain.values())
    largest = max(gain.values(), default=0.0)
    rows = "".join(
        f'<tr><td class="name">{escape(name)}</td><td class="number">{value / whole:.1%}</td>'
        f'<td class="bar"><div style="width: {100 * value / largest:.1f}%"></div></td></tr>'
        for name, value in islice(gain.items(), MOST_GAINS)
    )
    return f"<h2>Columns of most gain</h2><table>{rows}</table>"


def _percent(share: float | None) -> str:
    return UNDEFINED if share is None or math.isnan(share) else f"{share:.1%}"
