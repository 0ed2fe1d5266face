"""Scoring a log in batches, held against single decisions on every statement of the bundled one."""

import ctypes
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest

from infra.local.loop import EVENTS
from infra.local.scale import SCALED_RULE
from models import package
from models.dataset import Labelled, label
from models.params import read_params
from models.scoring import score_by_router
from models.train import train
from models.vectors import matrix, sparse_matrix
from models.vocabulary import fit_vocabulary
from smart_routing.bundle import Threshold
from smart_routing.features.facts import Facts, read_facts
from smart_routing.features.statement import DEFAULT_LIMITS, ParseLimits
from smart_routing.history.measures import NO_HISTORY, HistorySource
from smart_routing.inference import Model
from smart_routing.labels import QueryWeight
from smart_routing.policy import Match, Override, Policy
from smart_routing.querylog.source import read_query_log
from smart_routing.request import Request
from smart_routing.router import Router
from smart_routing.routing import Reason, RoutingDecision

POLICY = Policy(
    revision="1-a", overrides=(Override(match=Match(user="eli.marketing"), decision=QueryWeight.LIGHT),)
)  # fmt: skip


@pytest.fixture(scope="module")
def labelled() -> Labelled:
    return label(read_query_log(str(EVENTS), rejects=None), SCALED_RULE)


@pytest.fixture(scope="module")
def model(labelled: Labelled) -> Model:
    whole = read_params()
    params = whole.model_copy(update={"rounds": whole.rounds.model_copy(update={"most": 15})})
    trained = train(labelled.reads[:1200], SCALED_RULE, params, history=labelled.history)
    draft = package.candidate(trained, SCALED_RULE, DEFAULT_LIMITS)
    return package.with_threshold(draft, Threshold(value=0.3, without_history=0.2, certificate=None))


def told(decision: RoutingDecision) -> tuple[object, bytes | None]:
    return decision, None if decision.vector is None else decision.vector.tobytes()


def asked(labelled: Labelled) -> tuple[list[Request], list[Facts]]:
    return [one.request for one in labelled.examples], [one.statement for one in labelled.examples]


@pytest.mark.parametrize("blind", [False, True], ids=["with its past", "without"])
def test_all_at_once_is_decided_as_one_by_one(labelled: Labelled, model: Model, blind: bool) -> None:
    history: HistorySource = NO_HISTORY if blind else labelled.history
    router = Router(model=model, history=history, policy=POLICY)
    requests, facts = asked(labelled)
    together = [told(decision) for decision in router.decide_all(requests, facts)]
    assert together == [told(router.decide(request)) for request in requests]
    reasons = {decision.reason for decision in router.decide_all(requests, facts)}
    assert {Reason.MODEL, Reason.WRITE_STATEMENT, Reason.METADATA_STATEMENT, Reason.OVERRIDE} <= reasons


def test_statements_read_under_other_limits_are_read_again(labelled: Labelled, model: Model) -> None:
    requests, facts = asked(labelled)
    shorter = [read_facts(request.sql, ParseLimits(tokens=30)) for request in requests[:300]]
    router = Router(model=model, history=labelled.history)
    found = [told(decision) for decision in router.decide_all(requests[:300], shorter)]
    assert found == [told(decision) for decision in router.decide_all(requests[:300], facts[:300])]


class FailsOnMany:
    """A session that has no memory for a batch, and fails for good on one statement."""

    def __init__(self, model: Model, fatal: float) -> None:
        self._session, self._fatal = model.session, fatal

    def run(self, names: Sequence[str], inputs: dict[str, np.ndarray]) -> list[np.ndarray]:
        vectors = inputs["features"]
        if len(vectors) > 1 or vectors[0, 0] == self._fatal:
            raise MemoryError("too many rows")
        found: list[np.ndarray] = self._session.run(names, inputs)
        return found

    def io_binding(self) -> "BoundRow":
        return BoundRow(self._session.io_binding())

    def run_with_iobinding(self, bound: "BoundRow") -> None:
        if bound.row[0, 0] == self._fatal:
            raise MemoryError("this row")
        self._session.run_with_iobinding(bound.binding)


class BoundRow:
    """A binding that shows what memory it is bound to."""

    def __init__(self, binding: ort.IOBinding) -> None:
        self.binding = binding
        self.bind_output = binding.bind_output
        self.row = np.empty((0, 0))

    def bind_input(self, *told: Any) -> None:
        *_, shape, address = told
        self.row = np.ctypeslib.as_array(ctypes.cast(address, ctypes.POINTER(ctypes.c_float)), shape)
        self.binding.bind_input(*told)


def test_statement_that_cannot_be_scored_decides_no_other(labelled: Labelled, model: Model) -> None:
    requests, facts = ([*every[:200]] for every in asked(labelled))
    fatal = float(next(one for one in facts if one.kind.value == "query").values[0])
    broken = replace(model, session=FailsOnMany(model, fatal))
    router = Router(model=broken, history=labelled.history)
    found = list(router.decide_all(requests, facts))
    assert found == [router.decide(request) for request in requests]
    assert {Reason.MODEL, Reason.MODEL_ERROR} <= {decision.reason for decision in found}


def test_scores_are_those_of_the_decisions(labelled: Labelled, model: Model) -> None:
    reads = labelled.reads[:200]
    router = Router(model=model, history=labelled.history)
    decided = [router.decide(one.request) for one in reads]
    scores = score_by_router(reads, model, labelled.history).score
    weights = [QueryWeight.HEAVY if score >= model.threshold else QueryWeight.LIGHT for score in scores]
    assert weights == [found.weight for found in decided]
    raw = [np.inf if found.raw_score is None else found.raw_score for found in decided]
    told = np.isfinite(scores) & (scores != model.threshold)
    np.testing.assert_array_equal(scores[told], np.array(raw)[told])
    assert told.sum() > 100


def test_sparse_rows_hold_what_the_dense_ones_do(labelled: Labelled) -> None:
    reads = labelled.reads[:500]
    vocabulary = fit_vocabulary(reads)
    dense = matrix(reads, vocabulary, labelled.history)
    sparse = sparse_matrix(reads, vocabulary, labelled.history)
    assert sparse.nnz == int((~np.isnan(dense)).sum())
    rows = np.repeat(np.arange(len(reads)), np.diff(sparse.indptr))
    np.testing.assert_array_equal(dense[rows, sparse.indices], sparse.data)
