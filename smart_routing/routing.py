"""The policy chain: who decides a statement's weight, first match first; doubt of any kind is heavy."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from smart_routing.features.facts import Facts, facts_from
from smart_routing.features.statement import DEFAULT_LIMITS, ParseLimits, ParseStatus, StatementKind, Words, read_words
from smart_routing.history.measures import NO_HISTORY, History
from smart_routing.inference import Model
from smart_routing.known_heavy.entries import NOTHING_KNOWN, KnownHeavy, SessionTemplate
from smart_routing.labels import QueryWeight
from smart_routing.policy import NO_POLICY, Policy
from smart_routing.request import Request
from smart_routing.stages import Stage, StageEnded, unwatched

MAX_SQL_BYTES: Final = 2**20


class Reason(StrEnum):
    """Why a decision is what it is; a label in metrics, replies and the decision log."""

    OVERRIDE = "override"
    TOO_LARGE = "too_large"
    UNPARSABLE = "unparsable"
    TRANSACTION = "transaction"
    WRITE_STATEMENT = "write_statement"
    METADATA_STATEMENT = "metadata_statement"
    KNOWN_HEAVY_TEMPLATE = "known_heavy_template"
    MODEL = "model"
    MODEL_ERROR = "model_error"
    DEADLINE = "deadline"
    OVERLOADED = "overloaded"
    NO_MODEL = "no_model"


FALLBACKS: Final = frozenset({Reason.MODEL_ERROR, Reason.DEADLINE, Reason.OVERLOADED, Reason.NO_MODEL})
"""Reasons that tell of the router's state rather than of the statement."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutingDecision:
    """A weight and why. Score, probability, threshold and vector are there only where the model decided.

    `heavy_probability` and `threshold`, in [0, 1], are calibrated probabilities: heavy where the first is at least the
    second, exactly where the raw score is at least the raw threshold. `raw_score` is what the model itself said.
    `template` is None where the statement was never read.
    """

    weight: QueryWeight
    reason: Reason
    raw_score: float | None = None
    heavy_probability: float | None = None
    threshold: float | None = None
    model_version: str | None = None
    history_snapshot: str | None = None
    policy_revision: str = NO_POLICY.revision
    known_heavy_generation: str = NOTHING_KNOWN.generation
    template: str | None = None
    vector: NDArray[np.float32] | None = field(default=None, compare=False, repr=False)

    @property
    def score(self) -> float | None:
        """The score of the returned weight: 1 - P(heavy) where that is light."""
        if self.heavy_probability is None or self.weight == QueryWeight.HEAVY:
            return self.heavy_probability
        return 1.0 - self.heavy_probability


@dataclass(slots=True, kw_only=True)
class Case:
    """All that a rule may look at. Words are read when a rule first asks for them, and so is the rest of the text.

    Most rules decide by the words alone, so that writes and metadata statements are never parsed. `facts` are those of
    a text that was read before, under the limits of the model; `keep` is handed what is read. `ended` is told of each
    stage.
    """

    request: Request
    model: Model | None = None
    policy: Policy = NO_POLICY
    known_heavy: KnownHeavy = NOTHING_KNOWN
    history: History = NO_HISTORY
    facts: Facts | None = None
    keep: Callable[[Facts], None] | None = None
    ended: StageEnded = unwatched
    _words: Words | None = None

    @property
    def statement(self) -> Facts:
        """All that the text says."""
        if self.facts is None:
            self.facts = facts_from(self._read_words(), ended=self.ended)
            if self.keep is not None:
                self.keep(self.facts)
        return self.facts

    @property
    def words(self) -> Words | Facts:
        """Tokens, template and kind."""
        return self.facts or self._read_words()

    def _read_words(self) -> Words:
        if self._words is None:
            self._words = read_words(self.request.sql, self.limits)
            self.ended(Stage.TOKENS)
        return self._words

    @property
    def limits(self) -> ParseLimits:
        """The caps that the text is read under."""
        return self.model.bundle.parse_limits if self.model else DEFAULT_LIMITS

    @property
    def template(self) -> str:
        return self.words.template

    @property
    def kind(self) -> StatementKind:
        """Ours; the gateway's own parser is believed only where ours fails."""
        ours, theirs = self.words.kind, self.request.gateway_kind
        if theirs is None or theirs == ours:
            return ours
        is_read = self.statement.parse_status == ParseStatus.PARSED and ours != StatementKind.UNKNOWN
        return ours if is_read else theirs

    def decide(self, weight: QueryWeight, reason: Reason, *, template: str | None = None) -> RoutingDecision:
        """A decision that no model took part in."""
        return RoutingDecision(
            weight=weight,
            reason=reason,
            model_version=self.model.version if self.model else None,
            policy_revision=self.policy.revision,
            known_heavy_generation=self.known_heavy.generation,
            template=template,
        )


Rule = Callable[[Case], RoutingDecision | None]


def override(case: Case) -> RoutingDecision | None:
    """What an operator ordered: everything to large, or something for this request."""
    if case.policy.rollout.all_large:
        return case.decide(QueryWeight.HEAVY, Reason.OVERRIDE)
    found = case.policy.override_for(case.request)
    return case.decide(found.decision, Reason.OVERRIDE) if found else None


def too_large(case: Case) -> RoutingDecision | None:
    """SQL of more than 1 MiB is not read at all."""
    sql = case.request.sql
    over = len(sql) > MAX_SQL_BYTES or (len(sql) * 4 > MAX_SQL_BYTES and _bytes(sql) > MAX_SQL_BYTES)
    return case.decide(QueryWeight.HEAVY, Reason.TOO_LARGE) if over else None


def _bytes(sql: str) -> int:
    return len(sql.encode("utf-8", "surrogatepass"))


def unparsable(case: Case) -> RoutingDecision | None:
    """No text to judge: blanks, comments, or EXECUTE of a name, whose statement is elsewhere."""
    tokens = case.words.tokens
    textless = not any(token != ";" for token in tokens)
    elsewhere = case.kind == StatementKind.UNKNOWN and tokens[:1] == ("execute",)
    if not (textless or elsewhere):
        return None
    return case.decide(QueryWeight.HEAVY, Reason.UNPARSABLE, template=case.template)


def transaction(case: Case) -> RoutingDecision | None:
    """A transaction lives on one cluster, and nobody knows what it will hold."""
    if not (case.request.in_transaction or case.kind == StatementKind.TRANSACTION):
        return None
    return case.decide(QueryWeight.HEAVY, Reason.TRANSACTION, template=case.template)


def write_statement(case: Case) -> RoutingDecision | None:
    """Writes are heavy by policy."""
    if case.kind != StatementKind.WRITE:
        return None
    return case.decide(QueryWeight.HEAVY, Reason.WRITE_STATEMENT, template=case.template)


def metadata_statement(case: Case) -> RoutingDecision | None:
    """SHOW, DESCRIBE, plain EXPLAIN and session statements read no data."""
    if case.kind != StatementKind.METADATA:
        return None
    return case.decide(QueryWeight.LIGHT, Reason.METADATA_STATEMENT, template=case.template)


def known_heavy_template(case: Case) -> RoutingDecision | None:
    """Templates that failed for size before, in this catalog and schema."""
    known = case.known_heavy
    if not known.templates or SessionTemplate.of(case.template, case.request) not in known:
        return None
    return case.decide(QueryWeight.HEAVY, Reason.KNOWN_HEAVY_TEMPLATE, template=case.template)


def no_model(case: Case) -> RoutingDecision | None:
    """Nobody to ask."""
    if case.model is not None:
        return None
    return case.decide(QueryWeight.HEAVY, Reason.NO_MODEL, template=case.template)


def by_model(case: Case) -> RoutingDecision | None:
    """The model's score against its threshold; raises `ArithmeticError` for what is no score."""
    if case.model is None:
        return None
    vector = case.model.vector(case.request, case.statement, history=case.history)
    case.ended(Stage.FEATURES)
    score = case.model.score(vector)
    case.ended(Stage.MODEL)
    return judged(case, case.model, vector, score=score)


def judged(case: Case, model: Model, vector: NDArray[np.float32], *, score: float) -> RoutingDecision:
    """What a model's score of a vector comes to; raises `ArithmeticError` for what is no score."""
    threshold, told = model.threshold_for(vector), model.probability
    if not (0.0 <= score <= 1.0 and 0.0 <= threshold <= 1.0):
        raise ArithmeticError(f"score is {score}, threshold {threshold}: expected 0 to 1")
    return RoutingDecision(
        weight=QueryWeight.LIGHT if score < threshold else QueryWeight.HEAVY,
        reason=Reason.MODEL,
        raw_score=score,
        heavy_probability=told.beside(threshold, score),
        threshold=told(threshold),
        model_version=model.version,
        history_snapshot=case.history.snapshot,
        policy_revision=case.policy.revision,
        known_heavy_generation=case.known_heavy.generation,
        template=case.template,
        vector=vector,
    )


RULES: Final[tuple[Rule, ...]] = (
    override,
    too_large,
    unparsable,
    transaction,
    write_statement,
    metadata_statement,
    known_heavy_template,
    no_model,
)
"""All that comes before the model."""

POLICY_CHAIN: Final[tuple[Rule, ...]] = (*RULES, by_model)
