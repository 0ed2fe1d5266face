"""What a training run says to the person who started it."""

from collections.abc import Iterator

from models.calibrate import Calibration, FrontierPoint
from models.candidate import Candidate, Examination
from models.dataset import Labelled
from models.evaluate import EvaluationReport, Figures
from models.gate import GateVerdict
from models.split import Split, summaries


def training_report(candidate: Candidate, examination: Examination, *, version: int | None) -> str:
    """Data, frontier, certificate, figures beside the rivals' on the same rows, and the verdict; plain text."""
    lines = [
        labelled_line(candidate.labelled),
        *block_lines(candidate.split),
        making_line(candidate),
        "",
        "bound  misses allowed  threshold  FPR    light share   (calibration block)",
        *(_frontier_line(point) for point in candidate.calibration.frontier),
        *_blind_lines(candidate.calibration),
        f"certificate: {candidate.calibration.summary()}",
        "",
        *evaluation_lines(examination.report),
        "",
        *verdict_lines(examination.verdict),
        "nothing registered (dry run)" if version is None else f"registered as version {version}",
    ]
    return "\n".join(lines)


def labelled_line(labelled: Labelled) -> str:
    """What became of the records."""
    reads = labelled.reads
    heavy = sum(example.heavy for example in reads)
    return (
        f"{labelled.records} records: {labelled.excluded} in excluded windows, {labelled.merged} retries merged, "
        f"{labelled.dropped} failures that say nothing of size; {len(reads)} reads, {heavy / len(reads):.1%} heavy"
    )


def making_line(candidate: Candidate) -> str:
    """Trees, terms, and that both engines agree."""
    trained, parity = candidate.trained, candidate.parity
    return (
        f"{trained.rounds} trees, {len(trained.vocabulary.columns)} of {trained.terms_fitted} terms and the context "
        f"names in use; ONNX equals XGBoost on {parity.rows} rows "
        f"(0 decisions differ, scores by at most {parity.largest_difference:.0e})"
    )


def evaluation_lines(report: EvaluationReport) -> list[str]:
    """A table of the holdout, one row per way of deciding, and whether the holdout refutes the certificate."""
    against = f"; {report.cost_difference} against the champion" if report.cost_difference else ""
    return [
        "holdout      rows  heavy  FNR, rows               FNR, template-days      FPR, rows               light  cost",
        *(_figures_line(name, figures) for name, figures in ways_of_deciding(report).items()),
        f"{holdout_says(report)}; 95% intervals over templates; cost in CPU seconds lost{against}",
    ]


def ways_of_deciding(report: EvaluationReport) -> dict[str, Figures]:
    """Ours, routed and by the model alone, and its rivals, by the names that people read."""
    ways = {
        "routed": report.routed,
        "model only": report.model,
        "heuristic": report.heuristic,
        "all large": report.all_large,
        "champion": report.champion,
    }
    return {name: figures for name, figures in ways.items() if figures}


def holdout_says(report: EvaluationReport) -> str:
    return f"the holdout {'refutes' if report.refuted else 'does not refute'} the certificate"


def verdict_lines(verdict: GateVerdict) -> list[str]:
    """Passed or failed, and every check: what was found, and what is expected."""
    told = "passed" if verdict.passed else "failed"
    return [f"gate: {told}", *(f"  {'ok    ' if check.passed else 'FAILED'}  {check}" for check in verdict.checks)]


def block_lines(split: Split) -> Iterator[str]:
    """Size and span of each block of time."""
    for name, block in summaries(split.blocks).items():
        span = f"{block.first:%Y-%m-%d %H:%M} to {block.last:%Y-%m-%d %H:%M}"
        yield f"  {name:<12}{block.reads:>6} reads, {block.heavy:>5} heavy, {span}"


def _blind_lines(calibration: Calibration) -> Iterator[str]:
    if calibration.blind is not None:
        yield "without a history snapshot:"
        yield _frontier_line(calibration.blind)


def _frontier_line(point: FrontierPoint) -> str:
    bound = f"{point.bound:>5.0%}  "
    if point.threshold is None or point.false_positive_rate is None or point.light_share is None:
        return f"{bound}not supported: too few heavy template-schema-days"
    rates = f"{point.false_positive_rate:<7.1%}{point.light_share:.1%}"
    return f"{bound}{point.misses_allowed:<16}{point.threshold:<11.4f}{rates}"


def _figures_line(name: str, figures: Figures) -> str:
    shares = (figures.false_negative_rate, figures.unit_false_negative_rate, figures.false_positive_rate)
    told = "".join(f"{share!s:<24}" for share in shares)
    return f"{name:<11}{figures.rows:>6}{figures.heavy:>7}  {told}{figures.light_share:<7.1%}{figures.cost:.1f}"
