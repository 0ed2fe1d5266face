"""`featurize`: a request becomes the vector that every model sees. Training, monitoring and serving all call it."""

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from math import isnan
from typing import Final

import numpy as np
from numpy.typing import NDArray

from smart_routing.features.context import CONTEXT_FIELDS, TIME_FEATURES, context_buckets, full_name
from smart_routing.features.estimates import estimates
from smart_routing.features.facts import FACT_NAMES, Facts, facts_of, read_facts
from smart_routing.features.schema import DENSE_NAMES
from smart_routing.features.statement import Statement
from smart_routing.features.vocabulary import Vocabulary
from smart_routing.history.features import HISTORY_FEATURES, history_features, table_rows
from smart_routing.history.keys import HistoryKeys
from smart_routing.history.measures import NO_HISTORY, History
from smart_routing.request import Request

PAST: Final = slice(DENSE_NAMES.index(next(iter(HISTORY_FEATURES))), len(DENSE_NAMES))
"""The places of the history, and of the estimates from it."""


def featurize(
    request: Request,
    *,
    vocabulary: Vocabulary,
    history: History = NO_HISTORY,
    statement: Statement | Facts | None = None,
) -> NDArray[np.float32]:
    """The vector of one request, shape (len(DENSE_NAMES) + len(vocabulary.columns),).

    Dense features first, then the vocabulary's columns. NaN means absent: tree features where the parse failed, and
    every term or name that the statement does not have. Without `statement` the text is read under the default caps;
    `Model.vector` reads it under those of the model.
    """
    facts = facts_of(statement) if statement else read_facts(request.sql)
    return Featurizer(vocabulary).vector(request, facts, history)


@dataclass(frozen=True, slots=True)
class Row:
    """A vector without its absent columns: all of the dense features, and `values` at `places` of the vocabulary."""

    dense: NDArray[np.float32]
    places: NDArray[np.int32]
    values: NDArray[np.float32]

    def write(self, vector: NDArray[np.float32]) -> None:
        """Into a vector of NaN."""
        vector[: len(DENSE_NAMES)] = self.dense
        vector[len(DENSE_NAMES) + self.places] = self.values


@dataclass(frozen=True, slots=True)
class _Known:
    """The dense features behind those of the text, and the context's columns of the vocabulary."""

    dense: list[float]
    names: dict[int, float]


class Featurizer:
    """Makes rows under one vocabulary. The terms of a text are looked up once, however often it is repeated."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary
        self._terms: dict[Facts, tuple[NDArray[np.int32], NDArray[np.float32]]] = {}
        self._absent = np.full(vector_length(vocabulary), np.nan, dtype=np.float32)

    def vector(self, request: Request, facts: Facts, history: History) -> NDArray[np.float32]:
        """What `row` and `matrix` make of one request, without remembering its terms."""
        known = self._known(request, facts, history)
        vector = self._absent.copy()
        vector[: len(FACT_NAMES)] = facts.values
        memory = vector.data  # numpy would take several times as long for each value
        memory[len(FACT_NAMES) : len(DENSE_NAMES)] = array("f", known.dense)
        columns = memory[len(DENSE_NAMES) :]
        for place, value in chain(known.names.items(), self._vocabulary.tfidf(facts.tokens).items()):
            columns[place] = value  # type: ignore[call-overload]  # typeshed knows memory of whole numbers only
        return vector

    def row(self, request: Request, facts: Facts, history: History) -> Row:
        """What the text says, what the request adds, and what the past tells of both."""
        known = self._known(request, facts, history)
        dense = np.empty(len(DENSE_NAMES), dtype=np.float32)
        dense[: len(FACT_NAMES)] = facts.values
        dense[len(FACT_NAMES) :] = known.dense
        places, values = self._terms_of(facts)
        names = known.names
        return Row(dense, np.concatenate([_places(names), places]), np.concatenate([_values(names), values]))

    def _known(self, request: Request, facts: Facts, history: History) -> "_Known":
        full_names = [full_name(request, table) for table in facts.tables]
        tables = tuple(sorted(set(full_names)))
        buckets = context_buckets(request, tables)
        measures = history.measures(tuple(HistoryKeys.of(request, facts.template, tables)))
        rows = dict(zip(tables, table_rows(measures), strict=True))
        dense = [
            *(feature(request) for feature in TIME_FEATURES),
            *_shares(buckets, self._vocabulary),
            *history_features(measures),
            *estimates(facts.plan, [rows[name] for name in full_names]),
        ]
        return _Known(dense, self._vocabulary.names(buckets))

    def matrix(self, rows: Sequence[Row]) -> NDArray[np.float32]:
        """The rows as vectors, shape (n, features)."""
        vectors = np.full((len(rows), vector_length(self._vocabulary)), np.nan, dtype=np.float32)
        for vector, row in zip(vectors, rows, strict=True):
            row.write(vector)
        return vectors

    def _terms_of(self, facts: Facts) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        found = self._terms.get(facts)
        if found is None:
            terms = self._vocabulary.tfidf(facts.tokens)
            found = self._terms[facts] = _places(terms), _values(terms)
        return found


def _places(columns: dict[int, float]) -> NDArray[np.int32]:
    return np.fromiter(columns, np.int32, len(columns))


def _values(columns: dict[int, float]) -> NDArray[np.float32]:
    return np.fromiter(columns.values(), np.float32, len(columns))


def has_past(vector: NDArray[np.float32]) -> bool:
    """Whether the history knew anything at all of the request: its template, its user, its source or a table."""
    return not all(map(isnan, vector[PAST].tolist()))


def without_past(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """The same vectors, shape (n, features), as they are where no history is known."""
    blind = vectors.copy()
    blind[:, PAST] = np.nan
    return blind


def vector_length(vocabulary: Vocabulary) -> int:
    return len(DENSE_NAMES) + len(vocabulary.columns)


def column_names(vocabulary: Vocabulary) -> tuple[str, ...]:
    """Names of the vector's places, in order."""
    return DENSE_NAMES + vocabulary.columns


def _shares(buckets: Iterable[str], vocabulary: Vocabulary) -> list[float]:
    """The share of each context field; of several tables that of the rarest, NaN where no table is named."""
    smallest = dict.fromkeys(CONTEXT_FIELDS, float("nan"))
    for name in buckets:
        field = name.partition("#")[0]
        share = vocabulary.share.get(name, 0.0)
        smallest[field] = min(share, smallest[field]) if smallest[field] == smallest[field] else share
    return [smallest[field] for field in CONTEXT_FIELDS]
