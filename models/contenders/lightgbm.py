"""LightGBM in XGBoost's place: the same vectors, labels and policy chain, and a threshold certified as ours is."""

from functools import partial

from models import package
from models.candidate import certify, prove_parity
from models.contenders.approach import Contest, Entry
from models.scoring import score_by_router
from models.train import evenly_spaced, targets_of
from models.vectors import matrix


def lightgbm(contest: Contest) -> Entry:
    """On the columns that our trees split on; decided by ONNX Runtime, as ours is.

    Raises what `make_candidate` does, `BundleError` where ONNX and LightGBM disagree on any row, and `OSError` where
    LightGBM lacks the system's libgomp.
    """
    from models.contenders import leaf_wise  # late: it takes two seconds, and a library that not every machine has

    labelled, split, params = contest.labelled, contest.split, contest.params
    learnt = evenly_spaced(split.train, params.rows.most)
    vocabulary = contest.candidate.trained.vocabulary
    targets = targets_of(learnt, contest.rule, params)
    booster = leaf_wise.boost(matrix(learnt, vocabulary, labelled.history), targets, params)
    content = leaf_wise.to_onnx(booster)
    draft = package.draft(content, vocabulary, rule=contest.rule, limits=labelled.limits)
    certified = certify(draft, split, contest.gate, history=labelled.history)
    prove_parity(certified.model, partial(leaf_wise.predict, booster), labelled, engine="LightGBM")
    return Entry(
        calibration=certified.rows,
        holdout=score_by_router(split.holdout, certified.model, labelled.history),
        threshold=certified.model.bundle.threshold,
    )
