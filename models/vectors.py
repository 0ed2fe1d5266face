"""Vectors of examples, each with the past as it was known at its time: dense, in parts, and sparse."""

from array import array
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from models.dataset import Example
from models.progress import counted
from smart_routing.features.schema import DENSE_NAMES
from smart_routing.features.vector import Featurizer, Row, vector_length
from smart_routing.features.vocabulary import Vocabulary
from smart_routing.history.measures import NO_HISTORY, HistorySource

ROWS_PER_PART: Final = 4096


def matrix(
    examples: Sequence[Example], vocabulary: Vocabulary, history: HistorySource = NO_HISTORY
) -> NDArray[np.float32]:
    """Vectors of the examples, each with the past as it was known at its time; shape (n, features)."""
    featurizer = Featurizer(vocabulary)
    return featurizer.matrix(list(_rows(examples, featurizer, history)))


def matrices(
    examples: Sequence[Example], vocabulary: Vocabulary, history: HistorySource
) -> Iterator[NDArray[np.float32]]:
    """The same in parts, for logs whose vectors do not fit into memory together."""
    featurizer = Featurizer(vocabulary)
    for start in range(0, len(examples), ROWS_PER_PART):
        yield featurizer.matrix(list(_rows(examples[start : start + ROWS_PER_PART], featurizer, history)))


def sparse_matrix(examples: Sequence[Example], vocabulary: Vocabulary, history: HistorySource) -> csr_matrix:
    """The same with what is absent left out: of thousands of terms a statement has a hundred."""
    featurizer, columns, values = Featurizer(vocabulary), array("i"), array("f")
    ends = [0]
    for row in counted(_rows(examples, featurizer, history), "featurize", total=len(examples)):
        known = np.flatnonzero(~np.isnan(row.dense)).astype(np.int32)
        columns.frombytes(np.concatenate([known, len(DENSE_NAMES) + row.places]).tobytes())
        values.frombytes(np.concatenate([row.dense[known], row.values]).tobytes())
        ends.append(len(columns))
    shape = (len(examples), vector_length(vocabulary))
    vectors = csr_matrix((np.frombuffer(values, np.float32), np.frombuffer(columns, np.int32), ends), shape=shape)
    vectors.sort_indices()
    return vectors


def _rows(examples: Sequence[Example], featurizer: Featurizer, history: HistorySource) -> Iterator[Row]:
    for example in examples:
        past = history.at(example.request.submitted_at)
        yield featurizer.row(example.request, example.statement, past)
