"""Ours: the model with all its features, behind the whole policy chain, at its certified threshold."""

from models.candidate import make_candidate
from models.contenders.approach import Contest, Entry
from models.scoring import score_by_router


def full(contest: Contest) -> Entry:
    """Raises what `make_candidate` does."""
    candidate = make_candidate(
        contest.labelled, contest.rule, params=contest.params, gate=contest.gate, split_rule=contest.split_rule
    )
    return Entry(
        calibration=candidate.calibration_rows,
        holdout=score_by_router(candidate.split.holdout, candidate.model, contest.labelled.history),
        threshold=candidate.model.bundle.threshold,
    )
