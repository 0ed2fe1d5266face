"""`explain`: why one request gets its decision, by the very parts that routers decide with."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import msgspec
import numpy as np
import xgboost as xgb
from numpy.typing import NDArray

from monitoring.explain.contributions import ScoreParts, score_parts
from monitoring.explain.similar import PastSearch, SimilarStatements
from smart_routing.errors import QueryLogError
from smart_routing.features.schema import DENSE_FEATURES
from smart_routing.features.vector import has_past
from smart_routing.history.measures import NO_HISTORY, HistorySource
from smart_routing.inference import Model
from smart_routing.known_heavy.entries import NOTHING_KNOWN, KnownHeavy
from smart_routing.labels import QueryWeight
from smart_routing.policy import NO_POLICY, Policy
from smart_routing.request import Request
from smart_routing.router import Router
from smart_routing.routing import Case, Reason, RoutingDecision, by_model, too_large, unparsable


class ThresholdKind(StrEnum):
    """Which of a model's two certified thresholds counts."""

    WITH_HISTORY = "with_history"
    WITHOUT_HISTORY = "without_history"


class FeatureValue(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A dense feature of the statement; `value` is NaN where it is absent."""

    name: str
    group: str
    meaning: str
    value: float


class Opinion(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What the model says, whether or not the decision is its own: heavy at or above the threshold."""

    heavy_probability: float
    threshold: float
    threshold_kind: ThresholdKind
    parts: ScoreParts
    features: tuple[FeatureValue, ...]


class Explanation(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Why a request gets its decision; no SQL and nobody's name is in it but terms of the request's own text.

    `opinion` is None for what the model cannot read: no text, or more than 1 MiB. `similar` is None where nothing was
    searched. `notes` are sentences on what could not be looked at.
    """

    query_id: str
    decision: QueryWeight
    reason: Reason
    template: str | None
    model_version: str
    history_snapshot: str | None
    opinion: Opinion | None
    similar: SimilarStatements | None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class InForce:
    """What decides: the parts that routers follow, and `notes` on those that could not be read."""

    model: Model
    booster: xgb.Booster
    history: HistorySource = NO_HISTORY
    policy: Policy = NO_POLICY
    known_heavy: KnownHeavy = NOTHING_KNOWN
    notes: tuple[str, ...] = ()


_UNREAD: Final = frozenset({Reason.TOO_LARGE, Reason.UNPARSABLE, Reason.MODEL_ERROR})


def explain(request: Request, *, by: InForce, past: PastSearch | None = None, pin: str | None = None) -> Explanation:
    """Why `by` decides the request as it does, and what like it ran before.

    `pin` may name the version; raises `UnknownModelVersionError` for another one.
    """
    router = Router(model=by.model, policy=by.policy, known_heavy=by.known_heavy, history=by.history)
    decision = router.decide(request, pin=pin)
    case = Case(request=request, model=by.model, history=by.history.at(request.submitted_at))
    scored, notes = _scored(case, decision), [*by.notes]
    readable = decision.reason is not Reason.TOO_LARGE
    return Explanation(
        query_id=request.query_id,
        decision=decision.weight,
        reason=decision.reason,
        template=case.template if readable else None,
        model_version=by.model.version,
        history_snapshot=case.history.snapshot,
        opinion=_opinion(scored, by) if scored else None,
        similar=_similar(case, by.model, past=past, notes=notes) if past and readable else None,
        notes=tuple(notes),
    )


def _scored(case: Case, decision: RoutingDecision) -> RoutingDecision | None:
    """The model's own decision, also where a rule came before it."""
    if decision.reason is Reason.MODEL:
        return decision
    return None if decision.reason in _UNREAD or too_large(case) or unparsable(case) else by_model(case)


def _opinion(scored: RoutingDecision, by: InForce) -> Opinion:
    vector, probability, threshold = scored.vector, scored.heavy_probability, scored.threshold
    if vector is None or probability is None or threshold is None:
        raise AssertionError("a decision of the model carries its vector, probability and threshold")
    return Opinion(
        heavy_probability=probability,
        threshold=threshold,
        threshold_kind=ThresholdKind.WITH_HISTORY if has_past(vector) else ThresholdKind.WITHOUT_HISTORY,
        parts=score_parts(vector, booster=by.booster, vocabulary=by.model.bundle.vocabulary),
        features=_features(vector),
    )


def _features(vector: NDArray[np.float32]) -> tuple[FeatureValue, ...]:
    values = vector[: len(DENSE_FEATURES)].tolist()
    return tuple(
        FeatureValue(name=feature.name, group=feature.group, meaning=feature.doc, value=value)
        for feature, value in zip(DENSE_FEATURES, values, strict=True)
    )


def _similar(case: Case, model: Model, *, past: PastSearch, notes: list[str]) -> SimilarStatements | None:
    bundle = model.bundle
    try:
        return past.similar(case.request, template=case.template, rule=bundle.label_rule, limits=bundle.parse_limits)
    except QueryLogError as error:
        notes.append(f"Similar statements could not be searched: {error}")
        return None
