"""Training: XGBoost with early stopping at the end of the training block, and the pruned refit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import xgboost as xgb
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, vstack

from models.dataset import Example
from models.params import LabelParams, TrainParams
from models.progress import Progress
from models.vectors import sparse_matrix
from models.vocabulary import fit_vocabulary
from smart_routing.features.estimates import ESTIMATES
from smart_routing.features.schema import DENSE_NAMES
from smart_routing.features.vector import PAST, column_names
from smart_routing.features.vocabulary import Vocabulary
from smart_routing.history.measures import HistorySource
from smart_routing.labels import LabelRule

_SMALLEST: Final = 1e-6
"""Of a limit; less cost than that is none."""

_FIXED: Final = {
    "objective": "binary:logistic",  # log-loss without re-weighting: calibration survives, the threshold does the work
    "eval_metric": "logloss",
    "tree_method": "hist",
    "verbosity": 0,
}
ONE_THREAD_UP_TO: Final = 50_000
"""Rows. On fewer, a second thread wins a fifth on an idle machine and costs ten times as much on a busy one, where the
two wait for each other."""
THREADS: Final = 2
"""On more rows; a fixed number: sums of floats, and so the bytes, depend on how rows are shared out."""


@dataclass(frozen=True, slots=True)
class Trained:
    """A booster and the vocabulary its columns stand for. `gain` maps column names to total gain, largest first."""

    booster: xgb.Booster
    vocabulary: Vocabulary
    terms_fitted: int
    rounds: int
    gain: Mapping[str, float]


def train(examples: Sequence[Example], rule: LabelRule, params: TrainParams, *, history: HistorySource) -> Trained:
    """Fit on all n-grams, keep the columns that trees use, and fit again on those alone.

    Same examples, parameters and lock give the same bytes. A block of more than `params.rows.most` rows is thinned, its
    past is not: memory and time are bounded.
    """
    prepared = prepare(evenly_spaced(examples, params.rows.most), rule, params, history=history)
    booster = fit(prepared.vectors, prepared.targets, params)
    vocabulary = prepared.vocabulary
    return Trained(booster, vocabulary, prepared.terms_fitted, booster.num_boosted_rounds(), gain(booster, vocabulary))


@dataclass(frozen=True, slots=True, kw_only=True)
class Targets:
    """`soft_labels` of a block in order of time: `whole` of all its rows, `learnt` of those before the watched ones.

    A label weighs other runs of its template; what a search learns from must know none that it is watched on.
    """

    learnt: NDArray[np.float32]
    whole: NDArray[np.float32]

    @property
    def watched(self) -> NDArray[np.float32]:
        return self.whole[len(self.learnt) :]


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """What trees are grown on: n examples under the vocabulary's columns, vectors of shape (n, features)."""

    vocabulary: Vocabulary
    terms_fitted: int
    vectors: csr_matrix
    targets: Targets


def prepare(examples: Sequence[Example], rule: LabelRule, params: TrainParams, *, history: HistorySource) -> Prepared:
    """Fit a vocabulary and keep those of its columns that trees grown on all of it split on."""
    targets = targets_of(examples, rule, params)
    whole = fit_vocabulary(examples, params.vocabulary)
    vectors = sparse_matrix(examples, whole, history)
    vocabulary = whole.pruned(gain(_search(vectors, targets, params, what="rounds over all terms"), whole))
    return Prepared(
        vocabulary=vocabulary,
        terms_fitted=len(whole.idf),
        vectors=vectors[:, _places(vocabulary, whole)],
        targets=targets,
    )


def fit(vectors: csr_matrix, targets: Targets, params: TrainParams) -> xgb.Booster:
    """As many rounds as early stopping chose at the end of the block, grown again on the whole of it.

    Vectors are of shape (n, features), in order of time; what is absent from them is missing.
    """
    rounds = _search(vectors, targets, params, what="rounds").best_iteration + 1
    return _boost(_with_blind_copies(vectors, targets.whole), params, rounds=rounds, what="last fit")


def evenly_spaced(examples: Sequence[Example], most: int) -> Sequence[Example]:
    """All of them, or `most`, from the first on."""
    count = len(examples)
    return examples if count <= most else [examples[number * count // most] for number in range(most)]


def labels(examples: Sequence[Example]) -> NDArray[np.bool_]:
    """True where heavy, shape (n,)."""
    return np.array([example.heavy for example in examples])


def predict(booster: xgb.Booster, features: NDArray[np.float32]) -> NDArray[np.float32]:
    """P(heavy) of each row by XGBoost itself, shape (n,)."""
    probabilities: NDArray[np.float32] = booster.predict(xgb.DMatrix(features))
    return probabilities


def gain(booster: xgb.Booster, vocabulary: Vocabulary) -> dict[str, float]:
    """Total gain of every column that a tree splits on, largest first."""
    names = column_names(vocabulary)
    scores = booster.get_score(importance_type="total_gain")
    named = {names[int(place.removeprefix("f"))]: float(str(score)) for place, score in scores.items()}
    return dict(sorted(named.items(), key=lambda pair: (-pair[1], pair[0])))


def targets_of(examples: Sequence[Example], rule: LabelRule, params: TrainParams) -> Targets:
    """What trees are grown to, the last `watched_share` of the rows apart."""
    learnt = examples[: round(len(examples) * (1 - params.rounds.watched_share))]
    return Targets(learnt=soft_labels(learnt, rule, params.labels), whole=soft_labels(examples, rule, params.labels))


def soft_labels(examples: Sequence[Example], rule: LabelRule, params: LabelParams) -> NDArray[np.float32]:
    """What the trees are fitted to, in [0, 1], shape (n,).

    A label cuts a continuous and noisy cost at a limit: 0.99 s and 1.01 s of CPU are the same statement, and trees that
    must tell them apart learn noise. Of one run all that is known is how far it was from the limit: the logistic of
    ln(cost / limit) / softness, of CPU and memory the one nearer to its limit. Of several runs of a template in a
    schema it is also known how many were heavy: a template that stays a tenth below its limit a hundred times is light.
    So each row's target is the mean of both, the first counting as `prior_runs` runs.
    """
    severity = _severity(examples, rule)
    heavy = labels(examples)
    prior = 1.0 / (1.0 + np.exp(-severity / params.softness))
    prior[heavy & (severity < 0)] = 1.0  # heavy by its error: it was cut off before its cost was known
    _, group = np.unique([example.template_in_schema for example in examples], return_inverse=True)
    runs, heavies = np.bincount(group), np.bincount(group, weights=heavy)
    targets = (heavies[group] + params.prior_runs * prior) / (runs[group] + params.prior_runs)
    return targets.astype(np.float32)


def _severity(examples: Sequence[Example], rule: LabelRule) -> NDArray[np.float64]:
    """ln(cost / limit) of whichever is nearer to its limit, CPU or memory; shape (n,)."""
    shares = np.array([example.share_of_limit(rule) for example in examples])
    severity: NDArray[np.float64] = np.log(np.maximum(shares, _SMALLEST))
    return severity


MORE_IS_HEAVIER: Final = frozenset(
    {"join_keywords", "cross_join_keywords", "join_count", "cross_join_count", "missing_join_conditions"}
    | {"table_count", "distinct_table_count", "self_join_count", "tables_rows", "tables_bytes", *ESTIMATES}
)
"""Dense features with which no score falls, all else equal: nobody makes a statement light by another join."""


def booster_settings(params: TrainParams, *, rows: int) -> dict[str, object]:
    """All that `xgb.train` is told of how to grow trees."""
    threads = 1 if rows <= ONE_THREAD_UP_TO else THREADS
    return {**_FIXED, "nthread": threads, **params.booster.model_dump(), "seed": params.seed}


def _search(vectors: csr_matrix, targets: Targets, params: TrainParams, *, what: str) -> xgb.Booster:
    """A booster that has not seen the end of the block, on which early stopping chose its `best_iteration`."""
    learnt = len(targets.learnt)
    return _boost(
        _with_blind_copies(vectors[:learnt], targets.learnt),
        params,
        rounds=params.rounds.most,
        what=what,
        watch=xgb.DMatrix(vectors[learnt:], targets.watched),
    )


def _boost(
    rows: xgb.DMatrix, params: TrainParams, *, rounds: int, what: str, watch: xgb.DMatrix | None = None
) -> xgb.Booster:
    """Trees for `rounds`, or until they stop getting better on what they `watch`."""
    constraints = [int(name in MORE_IS_HEAVIER) for name in DENSE_NAMES] + [0] * (rows.num_col() - len(DENSE_NAMES))
    return xgb.train(
        {**booster_settings(params, rows=rows.num_row()), "monotone_constraints": tuple(constraints)},
        rows,
        rounds,
        evals=[(watch, "watched")] if watch else [],
        early_stopping_rounds=params.rounds.patience if watch else None,
        verbose_eval=False,
        callbacks=[_RoundsTold(what, rounds)],
    )


class _RoundsTold(xgb.callback.TrainingCallback):
    """Progress of boosting; early stopping may end it long before the last round."""

    def __init__(self, what: str, rounds: int) -> None:
        self._progress = Progress(what, rounds)

    def after_iteration(self, model: xgb.Booster, epoch: int, evals_log: object) -> bool:  # noqa: ARG002  # xgboost's
        self._progress.reached(epoch + 1)
        return False

    def after_training(self, model: xgb.Booster) -> xgb.Booster:
        self._progress.end()
        return model


def _places(vocabulary: Vocabulary, whole: Vocabulary) -> list[int]:
    """Where the columns of a pruned vocabulary stand under the whole one."""
    dense = len(DENSE_NAMES)
    return [*range(dense), *(dense + whole.places[column] for column in vocabulary.columns)]


def _with_blind_copies(vectors: csr_matrix, targets: NDArray[np.float32]) -> xgb.DMatrix:
    """Every row twice, once as if nothing was known of its past: trees then know what to do where nothing is."""
    return xgb.DMatrix(vstack([vectors, _without_past(vectors)], format="csr"), np.concatenate([targets, targets]))


def _without_past(vectors: csr_matrix) -> csr_matrix:
    kept = (vectors.indices < PAST.start) | (vectors.indices >= PAST.stop)
    ends = np.concatenate([[0], np.cumsum(kept)])[vectors.indptr]
    return csr_matrix((vectors.data[kept], vectors.indices[kept], ends), shape=vectors.shape)
