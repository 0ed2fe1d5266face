"""The text alone (Tang et al., Forecasting SQL Query Cost at Twitter, IC2E 2021): TF-IDF, then boosted trees."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import xgboost as xgb
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import TfidfVectorizer

from models.contenders.approach import Contest, Entry, enter, own_threshold
from models.dataset import Example
from models.params import TrainParams
from models.train import booster_settings, labels
from smart_routing.features.vocabulary import terms

_EVEN: Final = own_threshold(0.5)


def text_boosting(contest: Contest) -> Entry:
    """Heavy where it is likelier than not, by 1- and 2-grams of normalised tokens and nothing else.

    Hard labels, no structure, no history, no context; caps of the vocabulary and parameters of the booster are ours.
    """
    train, params = contest.split.train, contest.params
    caps = params.vocabulary
    tfidf = TfidfVectorizer(analyzer=terms, min_df=caps.min_rows, max_features=caps.max_terms)
    booster = _boost(tfidf.fit_transform(_tokens(train)), labels(train), params)

    def score(examples: Sequence[Example]) -> NDArray[np.float32]:
        probabilities: NDArray[np.float32] = booster.predict(xgb.DMatrix(tfidf.transform(_tokens(examples))))
        return probabilities

    return enter(contest, score, threshold=_EVEN)


def _tokens(examples: Sequence[Example]) -> list[tuple[str, ...]]:
    return [example.statement.tokens for example in examples]


def _boost(vectors: csr_matrix, heavy: NDArray[np.bool_], params: TrainParams) -> xgb.Booster:
    """As many rounds as early stopping chose at the end of the block, fitted again on the whole of it."""
    settings, rounds = booster_settings(params, rows=len(heavy)), params.rounds
    watched = round(len(heavy) * (1 - rounds.watched_share))
    searched = xgb.train(
        settings,
        xgb.DMatrix(vectors[:watched], heavy[:watched]),
        rounds.most,
        evals=[(xgb.DMatrix(vectors[watched:], heavy[watched:]), "watched")],
        early_stopping_rounds=rounds.patience,
        verbose_eval=False,
    )
    return xgb.train(settings, xgb.DMatrix(vectors, heavy), searched.best_iteration + 1)
