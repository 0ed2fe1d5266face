"""`featurize`: a request becomes the vector that every model sees. Training, monitoring and serving all call it."""

from collections.abc import Iterable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from smart_routing.features.context import CONTEXT_FIELDS, TIME_FEATURES, context_buckets, table_names
from smart_routing.features.schema import DENSE_NAMES
from smart_routing.features.sql import TREE_FEATURES
from smart_routing.features.statement import PARSE_STATUS_CODES, Statement, read_statement
from smart_routing.features.text import TEXT_FEATURES
from smart_routing.features.tree import Tree, walk
from smart_routing.features.vocabulary import Vocabulary
from smart_routing.history.features import HISTORY_FEATURES, history_features
from smart_routing.history.keys import HistoryKeys
from smart_routing.history.measures import NO_HISTORY, History
from smart_routing.request import Request

_PAST: Final = slice(DENSE_NAMES.index(next(iter(HISTORY_FEATURES))), len(DENSE_NAMES))
"""The places of the history."""

_NO_TREE: Final = [float("nan")] * len(TREE_FEATURES)


def featurize(
    request: Request, *, vocabulary: Vocabulary, history: History = NO_HISTORY, statement: Statement | None = None
) -> NDArray[np.float32]:
    """The vector of one request, shape (len(DENSE_NAMES) + len(vocabulary.columns),).

    Dense features first, then the vocabulary's columns. NaN means absent: tree features where the parse failed, and
    every term or name that the statement does not have. Without `statement` the text is read under the default caps;
    `Model.vector` reads it under those of the model.
    """
    statement = statement or read_statement(request.sql)
    tree = walk(statement.tree) if statement.tree is not None else None
    tables = table_names(request, tree)
    buckets = context_buckets(request, tables)
    vector = np.full(vector_length(vocabulary), np.nan, dtype=np.float32)
    past = history_features(HistoryKeys.of(request, statement.template, tables), history)
    vector[: len(DENSE_NAMES)] = [*_dense(request, statement, tree), *_shares(buckets, vocabulary), *past]
    for place, value in (vocabulary.names(buckets) | vocabulary.tfidf(statement.text.tokens)).items():
        vector[len(DENSE_NAMES) + place] = value
    return vector


def has_past(vector: NDArray[np.float32]) -> bool:
    """Whether the history knew anything at all of the request: its template, its user, its source or a table."""
    return not bool(np.isnan(vector[_PAST]).all())


def without_past(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """The same vectors, shape (n, features), as they are where no history is known."""
    blind = vectors.copy()
    blind[:, _PAST] = np.nan
    return blind


def vector_length(vocabulary: Vocabulary) -> int:
    return len(DENSE_NAMES) + len(vocabulary.columns)


def column_names(vocabulary: Vocabulary) -> tuple[str, ...]:
    """Names of the vector's places, in order."""
    return DENSE_NAMES + vocabulary.columns


def _dense(request: Request, statement: Statement, tree: Tree | None) -> list[float]:
    return [
        *(feature(statement.text) for feature in TEXT_FEATURES),
        PARSE_STATUS_CODES[statement.parse_status],
        *([feature(tree) for feature in TREE_FEATURES] if tree else _NO_TREE),
        *(feature(request) for feature in TIME_FEATURES),
    ]


def _shares(buckets: Iterable[str], vocabulary: Vocabulary) -> list[float]:
    """The share of each context field; of several tables that of the rarest, NaN where no table is named."""
    smallest = dict.fromkeys(CONTEXT_FIELDS, float("nan"))
    for name in buckets:
        field = name.partition("#")[0]
        share = vocabulary.share.get(name, 0.0)
        smallest[field] = min(share, smallest[field]) if smallest[field] == smallest[field] else share
    return [smallest[field] for field in CONTEXT_FIELDS]
