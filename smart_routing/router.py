"""`Router`: one request to one decision, by the policy chain, with a cache in front; used live and offline alike."""

import logging
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Final

from smart_routing.errors import UnknownModelVersionError
from smart_routing.history.measures import NO_HISTORY, HistorySource
from smart_routing.inference import Model
from smart_routing.known_heavy.entries import NOTHING_KNOWN, KnownHeavy
from smart_routing.labels import QueryWeight
from smart_routing.logs import log_event, place_of
from smart_routing.policy import NO_POLICY, Policy
from smart_routing.request import Request
from smart_routing.routing import FALLBACKS, POLICY_CHAIN, Case, Reason, RoutingDecision

_log = logging.getLogger(__name__)

OutOfTime = Callable[[], bool]


def never() -> bool:
    """No deadline."""
    return False


@dataclass(frozen=True, slots=True)
class LoadedModels:
    """The versions a request may be decided by: the one in force and the one before it."""

    current: Model | None = None
    previous: Model | None = None

    def find(self, pin: str | None) -> Model | None:
        """The version that `pin` names, its suffix optional; the current one without a pin.

        Raises `UnknownModelVersionError` for a version that is not loaded.
        """
        if pin is None:
            return self.current
        for model in (self.current, self.previous):
            if model is not None and pin in (model.version, model.version.rpartition("-")[0]):
                return model
        loaded = ", ".join(model.version for model in (self.current, self.previous) if model) or "none"
        raise UnknownModelVersionError(f"model version {pin!r} is not loaded: expected one of {loaded}")


class Router:
    """Decides requests. `models`, `policy`, `known_heavy` and `history` may be replaced at any time by one assignment.

    A decision is a function of the request, the model version, the history snapshot, the policy's revision and the
    generation of the known-heavy list alone, so any two routers agree; only running out of time, a failing model and
    overload depend on the moment, and those are never cached.
    """

    def __init__(
        self,
        *,
        model: Model | None = None,
        policy: Policy = NO_POLICY,
        known_heavy: KnownHeavy = NOTHING_KNOWN,
        history: HistorySource = NO_HISTORY,
        cache_entries: int = 0,
        keep_vectors: bool = True,
    ) -> None:
        self.models = LoadedModels(model)
        self.policy = policy
        self.known_heavy = known_heavy
        self.history = history
        self._cache = DecisionCache(cache_entries)
        self._keep_vectors = keep_vectors

    def decide(self, request: Request, *, pin: str | None = None, out_of_time: OutOfTime = never) -> RoutingDecision:
        """The decision of the current model, or of the version that `pin` names.

        Raises only `UnknownModelVersionError`; every other failure is a heavy decision that says so.
        """
        case = Case(
            request=request,
            model=self.models.find(pin),
            policy=self.policy,
            known_heavy=self.known_heavy,
            history=self.history.at(request.submitted_at),
        )
        if out_of_time():
            return case.decide(QueryWeight.HEAVY, Reason.DEADLINE)
        key = _cache_key(case) if self._cache.entries else None
        cached = self._cache.get(key)
        if cached is not None:
            return cached
        decision = _decide(case, out_of_time)
        if not self._keep_vectors:
            decision = replace(decision, vector=None)
        if decision.reason not in FALLBACKS:
            self._cache.put(key, decision)
        return decision

    def fall_back(self, reason: Reason, *, pin: str | None = None) -> RoutingDecision:
        """A heavy decision without a look at the request; raises `UnknownModelVersionError`."""
        model = self.models.find(pin)
        return RoutingDecision(
            weight=QueryWeight.HEAVY,
            reason=reason,
            model_version=model.version if model else None,
            policy_revision=self.policy.revision,
            known_heavy_generation=self.known_heavy.generation,
        )


def _decide(case: Case, out_of_time: OutOfTime) -> RoutingDecision:
    try:
        return _walk_chain(case, out_of_time)
    except Exception as error:  # whatever the parser, the features or ONNX Runtime raise, the answer is heavy
        _report(case, error)
        return case.decide(QueryWeight.HEAVY, Reason.MODEL_ERROR)


def _walk_chain(case: Case, out_of_time: OutOfTime) -> RoutingDecision:
    for rule in POLICY_CHAIN:
        decision = rule(case)
        if out_of_time():
            return case.decide(QueryWeight.HEAVY, Reason.DEADLINE)
        if decision is not None:
            return decision
    raise AssertionError("the last rule of the policy chain decides everything")


def _report(case: Case, error: Exception) -> None:
    """Type and place only: messages of parsers quote the statement."""
    log_event(
        _log,
        "model_error",
        level=logging.ERROR,
        query_id=case.request.query_id,
        model_version=case.model.version if case.model else None,
        error=type(error).__name__,
        where=place_of(error),
    )


def _cache_key(case: Case) -> Hashable:
    """Everything that featurize and the policy read, the statement by digest: a cache of texts would outgrow memory.

    Session properties are not in it because nothing reads them.
    """
    request, submitted = case.request, case.request.submitted_utc
    return (
        blake2b(request.sql.encode("utf-8", "surrogatepass"), digest_size=16).digest(),
        request.user,
        request.source,
        request.catalog,
        request.schema,
        request.in_transaction,
        request.gateway_kind,
        submitted.hour,
        submitted.weekday(),
        case.model.version if case.model else None,
        case.policy.revision,
        case.known_heavy.generation,
        case.history.snapshot,
    )


class DecisionCache:
    """The last `entries` decisions, least recently used out first; 0 entries is no cache. Not for many threads."""

    def __init__(self, entries: int) -> None:
        self.entries: Final = entries
        self._decisions: OrderedDict[Hashable, RoutingDecision] = OrderedDict()

    def get(self, key: Hashable) -> RoutingDecision | None:
        decision = self._decisions.get(key)
        if decision is not None:
            self._decisions.move_to_end(key)
        return decision

    def put(self, key: Hashable, decision: RoutingDecision) -> None:
        if not self.entries:
            return
        self._decisions[key] = decision
        if len(self._decisions) > self.entries:
            self._decisions.popitem(last=False)
