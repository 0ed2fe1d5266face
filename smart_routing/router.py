"""`Router`: one request to one decision, by the policy chain, with a cache in front; used live and offline alike."""

import logging
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from hashlib import blake2b
from typing import Final

from smart_routing.errors import OutOfTimeError
from smart_routing.facts_cache import FactsCache
from smart_routing.features.facts import Facts
from smart_routing.features.vector import Featurizer
from smart_routing.history.measures import NO_HISTORY, HistorySource
from smart_routing.inference import Model
from smart_routing.known_heavy.entries import NOTHING_KNOWN, KnownHeavy
from smart_routing.labels import QueryWeight
from smart_routing.loaded_models import LoadedModels
from smart_routing.logs import log_event, place_of
from smart_routing.policy import NO_POLICY, Policy
from smart_routing.request import Request
from smart_routing.routing import FALLBACKS, MAX_SQL_BYTES, POLICY_CHAIN, RULES, Case, Reason, RoutingDecision, judged
from smart_routing.stages import Stage, StageEnded, unwatched

_log = logging.getLogger(__name__)

BATCH: Final = 4096
"""Requests that `decide_all` asks the model about in one call; their vectors are held at once."""

OutOfTime = Callable[[], bool]


def never() -> bool:
    """No deadline."""
    return False


class Router:
    """Decides requests. `models`, `policy`, `known_heavy` and `history` may be replaced at any time by one assignment.

    A decision is a function of the request, the model version, the history snapshot, the policy's revision and the
    generation of the known-heavy list alone, so any two routers agree; only running out of time, a failing model and
    overload depend on the moment, and those are never cached. `asked` counts the calls of `decide`.
    """

    def __init__(
        self,
        *,
        model: Model | None = None,
        policy: Policy = NO_POLICY,
        known_heavy: KnownHeavy = NOTHING_KNOWN,
        history: HistorySource = NO_HISTORY,
        cache_entries: int = 0,
        facts_cache_bytes: int = 0,
        keep_vectors: bool = True,
    ) -> None:
        self.models = LoadedModels(model)
        self.policy = policy
        self.known_heavy = known_heavy
        self.history = history
        self.asked = 0
        self._cache = DecisionCache(cache_entries)
        self._facts = FactsCache(facts_cache_bytes)
        self._keep_vectors = keep_vectors

    def decide(
        self,
        request: Request,
        *,
        pin: str | None = None,
        out_of_time: OutOfTime = never,
        stage_ended: StageEnded = unwatched,
    ) -> RoutingDecision:
        """The decision of the current model, or of the version that `pin` names.

        `out_of_time` is asked, and `stage_ended` told, between the stages. Raises only `UnknownModelVersionError`;
        every other failure is a heavy decision that says so.
        """
        self.asked += 1
        case = self._case(request, self.models.find(pin))
        if out_of_time():
            return case.decide(QueryWeight.HEAVY, Reason.DEADLINE)
        digest = self._digest(request.sql)
        key = _cache_key(case, digest) if digest and self._cache.entries else None
        cached = self._cache.get(key) if key else None
        stage_ended(Stage.CACHE)
        if cached is not None:
            return cached
        case.ended = _watched(out_of_time, stage_ended)
        if digest and self._facts.is_on:
            case.facts = self._facts.get(digest, case.limits)
            case.keep = partial(self._facts.put, digest)
        decision = _decide(case, out_of_time)
        if not self._keep_vectors:
            decision = replace(decision, vector=None)
        if key and decision.reason not in FALLBACKS:
            self._cache.put(key, decision)
        return decision

    def _digest(self, sql: str) -> bytes | None:
        """None where nothing is kept of a text: a cache of texts would outgrow memory, and so would a long digest."""
        if len(sql) > MAX_SQL_BYTES or not (self._cache.entries or self._facts.is_on):
            return None
        return blake2b(sql.encode("utf-8", "surrogatepass"), digest_size=16).digest()

    def decide_all(self, requests: Sequence[Request], facts: Sequence[Facts]) -> Iterator[RoutingDecision]:
        """What `decide` gives for each request, by the current model and in their order, at a fraction of its cost.

        `facts` are what the statements say, one for each request; those not read under the model's limits are read
        again. A log is replayed by this, so no cache and no deadline is asked.
        """
        model = self.models.current
        judge = _Judge(model) if model else None
        for start in range(0, len(requests), BATCH):
            batch = zip(requests[start : start + BATCH], facts[start : start + BATCH], strict=True)
            cases = [self._case(request, model, facts=one) for request, one in batch]
            ruled = [_by_rules(case) for case in cases]
            left = [case for case, decision in zip(cases, ruled, strict=True) if decision is None]
            judged_by_model = iter(judge(left) if judge and left else ())
            for decision in ruled:
                found = decision or next(judged_by_model)
                yield found if self._keep_vectors else replace(found, vector=None)

    def _case(self, request: Request, model: Model | None, *, facts: Facts | None = None) -> Case:
        if facts is not None and model is not None and facts.limits != model.bundle.parse_limits:
            facts = None
        return Case(
            request=request,
            model=model,
            policy=self.policy,
            known_heavy=self.known_heavy,
            history=self.history.at(request.submitted_at),
            facts=facts,
        )

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
    except OutOfTimeError:
        return case.decide(QueryWeight.HEAVY, Reason.DEADLINE)
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


class _Judge:
    """Asks one model for many cases in one call."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._featurizer = Featurizer(model.bundle.vocabulary)

    def __call__(self, cases: Sequence[Case]) -> list[RoutingDecision]:
        """Where the call fails, each case is decided alone: one that cannot be scored must not decide the others."""
        try:
            return self._together(cases)
        except Exception:
            return [_decide(case, never) for case in cases]

    def _together(self, cases: Sequence[Case]) -> list[RoutingDecision]:
        make = self._featurizer
        vectors = make.matrix([make.row(case.request, case.statement, case.history) for case in cases])
        scores = self._model.scores(vectors)
        return [
            judged(case, self._model, vector, score=score)
            for case, vector, score in zip(cases, vectors, scores, strict=True)
        ]


def _by_rules(case: Case) -> RoutingDecision | None:
    try:
        return next((decision for rule in RULES if (decision := rule(case))), None)
    except Exception as error:  # as in `_decide`
        _report(case, error)
        return case.decide(QueryWeight.HEAVY, Reason.MODEL_ERROR)


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


def _watched(out_of_time: OutOfTime, stage_ended: StageEnded) -> StageEnded:
    def ended(stage: Stage) -> None:
        stage_ended(stage)
        if out_of_time():
            raise OutOfTimeError(f"time is over after stage {stage}")

    return ended


def _cache_key(case: Case, digest: bytes) -> Hashable:
    """Everything that featurize and the policy read, the statement by its digest.

    Session properties are not in it because nothing reads them.
    """
    request, submitted = case.request, case.request.submitted_utc
    return (
        digest,
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
        self._decisions[key] = decision
        if len(self._decisions) > self.entries:
            self._decisions.popitem(last=False)
