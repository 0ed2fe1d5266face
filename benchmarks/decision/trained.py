"""What decides in the benchmark: a model and a snapshot made from a log, and a text model of the same block."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from sklearn.feature_extraction.text import TfidfVectorizer
from xgboost import XGBClassifier

from infra.local.scale import SCALED_RULE
from models.candidate import make_candidate
from models.dataset import Example, label
from models.gate import read_gate
from models.params import read_params
from smart_routing.history.measures import HistorySource
from smart_routing.history.snapshot import Snapshot
from smart_routing.inference import Model
from smart_routing.querylog.records import QueryRecord
from smart_routing.request import Request

TEXT_TERMS = 5_000
TEXT_TREES = 200


@dataclass(frozen=True, slots=True)
class TextModel:
    """What a user would write: TF-IDF of 1- and 2-grams and a boosted classifier, of the text alone."""

    terms: TfidfVectorizer
    trees: XGBClassifier

    def __call__(self, request: Request) -> None:
        self.trees.predict_proba(self.terms.transform([request.sql]))

    @classmethod
    def fit(cls, examples: Sequence[Example]) -> "TextModel":
        terms = TfidfVectorizer(ngram_range=(1, 2), max_features=TEXT_TERMS)
        trees = XGBClassifier(n_estimators=TEXT_TREES, n_jobs=1)
        trees.fit(terms.fit_transform([one.request.sql for one in examples]), [one.heavy for one in examples])
        return cls(terms, trees)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """A model as it would serve at the end of the log."""

    model: Model
    history: HistorySource
    text_model: Callable[[Request], None]


def train(records: Sequence[QueryRecord]) -> Trained:
    """Takes about 20 s on the bundled log."""
    labelled = label(records, SCALED_RULE)
    candidate = make_candidate(labelled, SCALED_RULE, params=read_params(), gate=read_gate())
    end = max(one.request.submitted_at for one in labelled.reads)
    snapshot = Snapshot.of(labelled.history, end, rule=SCALED_RULE, ttl=timedelta(days=3650))
    return Trained(
        model=candidate.model,
        history=Snapshot.from_bytes(snapshot),
        text_model=TextModel.fit(candidate.split.train),
    )
