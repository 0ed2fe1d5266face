from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from msgspec import structs

from monitoring.signals import Tier
from monitoring.skew import Skew, find_skew, skew_signal
from monitoring.truth.join import JoinKey, Pair
from monitoring.window import Window
from smart_routing.decision_log import DecisionRecorder, LoggedDecision, VectorLogging
from smart_routing.features.schema import DENSE_NAMES
from smart_routing.history.measures import MEASURES, History, Matrix
from smart_routing.inference import Model
from smart_routing.querylog.records import QueryRecord
from smart_routing.request import Request
from smart_routing.router import Router
from tests.unit.monitoring.truth.samples import HOUR, NOON, record

WINDOW = Window(NOON, NOON + 6 * HOUR)
SQL = "select a, count(*) from t join u on t.a = u.a where b = 'x' group by a"


@dataclass(frozen=True)
class Known:
    """A past in which every key has the same measures."""

    value: float = 3.0
    snapshot: str = "s1"

    def at(self, _: object) -> History:
        return self

    def measures(self, keys: tuple[int, ...]) -> Matrix:
        return np.full((len(keys), len(MEASURES)), self.value, dtype=np.float32)


def decide(model: Model, request: Request, history: Known | None = None) -> LoggedDecision:
    """What the router would log of it, vector and all."""
    router = Router(model=model, history=history) if history else Router(model=model)
    recorder = DecisionRecorder(user_key=b"k" * 32, vectors=VectorLogging.ALL)
    return recorder.row(request, router.decide(request), now=request.submitted_at)


def statement(query_id: str = "q1", **changes: Any) -> QueryRecord:
    return record(query_id, sql=SQL, **changes)


def pairs(model: Model, count: int = 1, history: Known | None = None) -> list[Pair]:
    """Decided at noon, created two hours later by the cluster's clock, which is wrong."""
    found = []
    for place in range(count):
        event = statement(f"q{place}", create_time=NOON + 2 * HOUR)
        request = replace(event.request(), submitted_at=NOON + timedelta(seconds=place))
        found.append(Pair(decide(model, request, history), event, JoinKey.QUERY_ID))
    return found


def skew(model: Model, found: list[Pair], histories: Mapping[str, History] | None = None) -> Skew:
    return find_skew(found, model, histories=histories or {})


def test_vectors_made_again_from_the_log_are_the_same(model: Model) -> None:
    found = skew(model, pairs(model, 3))
    assert (found.vectors, found.differing, found.features) == (3, 0, ())
    assert not skew_signal(found, WINDOW).is_large


@pytest.mark.parametrize(
    ("change", "feature"),
    [({"user": "somebody else"}, None), ({"sql": SQL + " limit 10"}, "sql_length")],
    ids=["unknown to the vocabulary either way", "other text"],
)
def test_event_that_says_otherwise_than_the_request_did_is_told(
    model: Model, change: dict[str, str], feature: str | None
) -> None:
    found = skew(model, [replace(pair, record=replace(pair.record, **change)) for pair in pairs(model, 2)])  # type: ignore[arg-type]
    assert (feature in {one.feature for one in found.features}) is (feature is not None)
    assert found.differing == (2 if feature else 0)


def test_one_altered_value_in_one_vector_is_told_by_name(model: Model) -> None:
    sample = pairs(model, 50)
    vector = sample[7].decision.vector
    assert vector is not None
    vector[DENSE_NAMES.index("join_count")] = np.nan
    found = skew(model, sample)
    (feature,) = found.features
    assert (found.differing, feature.feature, feature.differing) == (1, "join_count", 1)
    assert feature.distance == pytest.approx(0.02)
    signal = skew_signal(found, WINDOW)
    assert (signal.tier, signal.is_large, signal.p_value) == (Tier.SKEW, True, 0.0)
    assert signal.sentence == (
        "1 of 50 logged vectors differ from those made again from their events; farthest: join_count (2.0% apart)"
    )


def test_past_is_compared_where_its_snapshot_is_at_hand(model: Model) -> None:
    sample = pairs(model, 2, Known())
    assert skew(model, sample, {"s1": Known()}).differing == 0
    assert skew(model, sample, {"s1": Known(value=4.0)}).differing == 2


def test_without_its_snapshot_all_but_the_past_is_compared_and_told(model: Model) -> None:
    sample = pairs(model, 2, Known())
    found = skew(model, sample)
    assert (found.differing, found.without_history) == (0, 2)
    assert "2 of them without the past" in skew_signal(found, WINDOW).sentence
    altered = [replace(pair, record=replace(pair.record, sql="select 1")) for pair in sample]
    assert skew(model, altered).differing == 2


def test_vector_of_another_length_differs(model: Model) -> None:
    (pair,) = pairs(model)
    vector = pair.decision.vector
    assert vector is not None
    short = structs.replace(pair.decision, vector=vector[:-1])
    assert skew(model, [replace(pair, decision=short)]).differing == 1


@pytest.mark.parametrize(
    "change", [{"vector": None}, {"model_version": "v9-000000"}], ids=["no vector", "other version"]
)
def test_nothing_to_compare_is_no_skew(model: Model, change: dict[str, Any]) -> None:
    (pair,) = pairs(model)
    found = skew(model, [replace(pair, decision=structs.replace(pair.decision, **change))])
    assert (found.vectors, found.differing) == (0, 0)
    assert skew_signal(found, WINDOW).p_value == 1.0
