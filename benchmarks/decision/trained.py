"""What decides in the benchmark: a model and a snapshot made from a log, and a text model of the same block."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sklearn.feature_extraction.text import TfidfVectorizer
from xgboost import XGBClassifier

from benchmarks.trained import history_after, trained
from models.dataset import Example, Labelled
from smart_routing.history.measures import HistorySource
from smart_routing.history.snapshot import Snapshot
from smart_routing.inference import Model
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


def train(labelled: Labelled) -> Trained:
    """Both models, and the history at the end of the log."""
    candidate = trained(labelled)
    return Trained(
        model=candidate.model,
        history=Snapshot.from_bytes(history_after(labelled)),
        text_model=TextModel.fit(candidate.split.train),
    )
