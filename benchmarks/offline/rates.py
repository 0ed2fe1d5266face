"""Statements featurized a second and core, beside a parse and TF-IDF of the same statements."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import sqlglot
from sklearn.feature_extraction.text import TfidfVectorizer
from sqlglot.errors import SqlglotError

from infra.local.scale import SCALED_RULE
from models.dataset import label
from models.params import read_params
from models.vectors import sparse_matrix
from models.vocabulary import fit_vocabulary
from smart_routing.querylog.records import QueryRecord


@dataclass(frozen=True, slots=True)
class Rates:
    """Statements a second of CPU, in one process, one entry a round; the rounds of both sides alternate."""

    statements: int
    ours: tuple[float, ...]
    parse_and_tfidf: tuple[float, ...]


def measure_rates(records: Sequence[QueryRecord], *, rounds: int) -> Rates:
    """Of records with texts that differ."""
    texts = [record.text for record in records]
    pairs = [
        (_rate(lambda: _featurize(records), len(texts)), _rate(lambda: _tfidf(texts), len(texts)))
        for _ in range(rounds)
    ]
    return Rates(len(texts), tuple(ours for ours, _ in pairs), tuple(theirs for _, theirs in pairs))


def _rate(work: Callable[[], object], statements: int) -> float:
    began = time.process_time()
    work()
    return statements / (time.process_time() - began)


def _featurize(records: Sequence[QueryRecord]) -> object:
    """All that training does from text to row: parse, features, template, history, vocabulary and terms."""
    labelled = label(records, SCALED_RULE, processes=1)
    reads = labelled.reads
    return sparse_matrix(reads, fit_vocabulary(reads, read_params().vocabulary), labelled.history)


def _tfidf(texts: Sequence[str]) -> object:
    """What a text model needs (1- and 2-grams), and a parse whose tree nobody looks at."""
    for text in texts:
        try:
            sqlglot.parse_one(text, read="trino")
        except SqlglotError:
            continue
    caps = read_params().vocabulary
    return TfidfVectorizer(ngram_range=(1, 2), min_df=caps.min_rows, max_features=caps.max_terms).fit_transform(texts)
