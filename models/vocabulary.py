"""Fitting a vocabulary on the training block, and pruning it to what the trees use."""

import math
from collections import Counter
from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, Field

from models.dataset import Example
from smart_routing.features.context import context_buckets, table_names
from smart_routing.features.vocabulary import Vocabulary, terms


class VocabularyParams(BaseModel):
    """At most `max_terms` n-grams, most frequent first, each in `min_rows` training rows or more."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    max_terms: int = Field(20_000, gt=0)
    min_rows: int = Field(2, gt=0)


def fit_vocabulary(examples: Sequence[Example], params: VocabularyParams | None = None) -> Vocabulary:
    """Every 1- and 2-gram and every context bucket of the examples, within the caps, in a fixed order.

    idf is smoothed: ln((1 + n) / (1 + rows with the term)) + 1.
    """
    params = params or VocabularyParams()
    term_rows: Counter[str] = Counter()
    bucket_rows: Counter[str] = Counter()
    for example in examples:
        term_rows.update(set(terms(example.statement.tokens)))
        bucket_rows.update(_buckets(example))
    for name in bucket_rows:
        term_rows.pop(name, None)  # a column of one name cannot stand for two
    frequent = _most_frequent(term_rows, params)
    names = sorted(name for name, rows in bucket_rows.items() if rows >= params.min_rows)
    count = len(examples)
    return Vocabulary(
        idf={term: math.log((1 + count) / (1 + term_rows[term])) + 1 for term in frequent},
        share={name: rows / count for name, rows in sorted(bucket_rows.items())},
        columns=(*names, *frequent),
    )


def _most_frequent(term_rows: Counter[str], params: VocabularyParams) -> list[str]:
    known = ((term, rows) for term, rows in term_rows.items() if rows >= params.min_rows)
    ranked = sorted(known, key=lambda pair: (-pair[1], pair[0]))
    return sorted(term for term, _ in ranked[: params.max_terms])


def _buckets(example: Example) -> set[str]:
    return set(context_buckets(example.request, table_names(example.request, example.statement.tables)))
