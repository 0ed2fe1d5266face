"""Ours: the model with all its features, behind the whole policy chain, at its certified threshold."""

from models.contenders.approach import Contest, Entry
from models.scoring import score_by_router


def full(contest: Contest) -> Entry:
    """Raises what `make_candidate` does."""
    candidate = contest.candidate
    return Entry(
        calibration=candidate.calibration_rows,
        holdout=score_by_router(candidate.split.holdout, candidate.model, contest.labelled.history),
        threshold=candidate.model.bundle.threshold,
    )
