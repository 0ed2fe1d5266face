"""`monitoring_frame`: statements as a model sees them, one row each; the reference and every window are made by it."""

from array import array
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Final

import numpy as np
import pandas as pd

from smart_routing.features.context import bucket
from smart_routing.features.facts import Facts
from smart_routing.features.schema import DENSE_NAMES
from smart_routing.features.vocabulary import Vocabulary, terms
from smart_routing.history.measures import NO_HISTORY, HistorySource
from smart_routing.inference import Model
from smart_routing.labels import QueryWeight
from smart_routing.request import Request
from smart_routing.router import Router
from smart_routing.routing import Reason, RoutingDecision

SUBMITTED_AT: Final = "submitted_at"
TEMPLATE: Final = "template"
TENANT: Final = "tenant"
SOURCE: Final = "source"
USER: Final = "user"
HEAVY_PROBABILITY: Final = "heavy_probability"
HEAVY: Final = "heavy"
NEAR_THRESHOLD: Final = "near_threshold"
KNOWN_TERMS: Final = "known_terms"
UNKNOWN_TOKEN_SHARE: Final = "unknown_token_share"

NEAR_ODDS: Final = 2.0
"""A score is near the threshold where its odds are within this factor of the threshold's."""

CONTEXT_COLUMNS: Final = (TENANT, SOURCE, USER, TEMPLATE)
TEXT_COLUMNS: Final = (KNOWN_TERMS, UNKNOWN_TOKEN_SHARE)
COLUMNS: Final = (
    SUBMITTED_AT,
    *CONTEXT_COLUMNS,
    HEAVY_PROBABILITY,
    HEAVY,
    NEAR_THRESHOLD,
    *TEXT_COLUMNS,
    *DENSE_NAMES,
)

_DTYPES: Final = {
    SUBMITTED_AT: "datetime64[us, UTC]",
    HEAVY_PROBABILITY: "float64",
    HEAVY: "bool",
    NEAR_THRESHOLD: "bool",
    **dict.fromkeys((*TEXT_COLUMNS, *DENSE_NAMES), "float32"),
}


def monitoring_frame(
    requests: Iterable[Request],
    model: Model,
    history: HistorySource = NO_HISTORY,
    *,
    facts: Mapping[str, Facts] | None = None,
) -> pd.DataFrame:
    """A row for each request that the model decides, with the columns of `COLUMNS`; rules' statements are left out.

    The tenant is catalog.schema; users are hashed buckets, templates fingerprints, and no text of a statement is
    kept. Of a feature, NaN means that the statement has none. `facts` are those of texts that were read before.
    """
    texts = _Texts(model, facts or {})
    asked = list(requests)
    decisions = Router(model=model, history=history).decide_all(asked, [texts.facts(one.sql) for one in asked])
    rows, dense = [], array("f")
    for request, decision in zip(asked, decisions, strict=True):
        if decision.reason is Reason.MODEL and decision.vector is not None:
            rows.append((*_row(request, decision, model), *texts.known(request.sql)))
            dense.frombytes(decision.vector[: len(DENSE_NAMES)].tobytes())
    told = pd.DataFrame(rows, columns=[*COLUMNS[: -len(DENSE_NAMES)]])
    features = np.frombuffer(dense, np.float32).reshape(-1, len(DENSE_NAMES))
    frame = pd.concat([told, pd.DataFrame(features, columns=list(DENSE_NAMES))], axis=1)
    return frame.astype(_DTYPES)


class _Texts:
    """What each distinct text says, and how much of it the model's vocabulary knows."""

    def __init__(self, model: Model, facts: Mapping[str, Facts]) -> None:
        self._model = model
        limits = model.bundle.parse_limits
        self._facts = {text: said for text, said in facts.items() if said.limits == limits}
        self._known: dict[str, tuple[float, float]] = {}

    def facts(self, sql: str) -> Facts:
        if sql not in self._facts:
            self._facts[sql] = self._model.read(sql)
        return self._facts[sql]

    def known(self, sql: str) -> tuple[float, float]:
        if sql not in self._known:
            self._known[sql] = _terms_known(self.facts(sql).tokens, self._model.bundle.vocabulary)
        return self._known[sql]


def _row(request: Request, decision: RoutingDecision, model: Model) -> tuple[object, ...]:
    score = decision.raw_score
    if score is None:
        raise AssertionError("a decision of the model carries its score")
    return (
        request.submitted_utc,
        f"{request.catalog or ''}.{request.schema or ''}",
        request.source or "",
        bucket("user", request.user),
        decision.template,
        decision.heavy_probability,
        decision.weight is QueryWeight.HEAVY,
        near(score, model.threshold),
    )


def near(score: float, threshold: float) -> bool:
    """Whether the odds of a score lie within a factor of `NEAR_ODDS` of the threshold's."""
    odds = (score * (1.0 - threshold), threshold * (1.0 - score))
    return max(odds) <= NEAR_ODDS * min(odds)


def _terms_known(tokens: Sequence[str], vocabulary: Vocabulary) -> tuple[float, float]:
    """How many of its terms the vocabulary has, and the share of its tokens that are in none of those."""
    pairs = [f"{first} {second}" in vocabulary.idf for first, second in pairwise(tokens)]
    known = [token in vocabulary.idf for token in tokens]
    covered = [any(ways) for ways in zip(known, [False, *pairs], [*pairs, False], strict=True)] if tokens else [True]
    return float(len(vocabulary.idf.keys() & set(terms(tokens)))), 1.0 - sum(covered) / len(covered)
