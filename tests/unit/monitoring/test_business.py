"""Times of routed statements stand beside those of the control group with the same decision."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from monitoring.business import saving_gauges, statement_gauges
from monitoring.gauges import Gauge, write_gauges
from smart_routing.decision_log import LoggedDecision
from smart_routing.labels import QueryWeight
from smart_routing.querylog.records import QueryRecord
from smart_routing.rollout import Treatment
from smart_routing.routing import Reason
from tests.unit.querylog.samples import record

NOON = datetime(2026, 10, 9, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Ran:
    decision: LoggedDecision
    record: QueryRecord


def ran(
    seconds: float,
    *,
    mode: Treatment = Treatment.FULL,
    weight: QueryWeight = QueryWeight.LIGHT,
    state: str = "FINISHED",
) -> Ran:
    decided = LoggedDecision(
        time=NOON,
        submitted_at=NOON,
        query_id="q",
        user="0" * 16,
        source=None,
        template=None,
        decision=weight,
        reason=Reason.MODEL,
        probability=0.1,
        threshold=0.5,
        model_version="v1-abcdef",
        history_snapshot=None,
        policy_revision="1",
        mode=mode,
    )
    took = timedelta(seconds=seconds)
    return Ran(decided, record("q", NOON, end_time=NOON + took, state=state))


def values(gauges: Sequence[Gauge]) -> dict[tuple[str, ...], float]:
    return {(gauge.name.removeprefix("smart_routing_"), *gauge.labels.values()): gauge.value for gauge in gauges}


def test_quantiles_are_told_by_decision_and_group() -> None:
    routed = [ran(seconds) for seconds in range(101)]
    control = [ran(2.0 * seconds, mode=Treatment.CONTROL) for seconds in range(11)]
    heavy = [ran(5.0, weight=QueryWeight.HEAVY, mode=Treatment.CANARY)] * 10
    assert values(statement_gauges([*routed, *control, *heavy])) == {
        ("statements", "light", "routed"): 101,
        ("statement_seconds", "light", "routed", "0.9"): pytest.approx(90.0),
        ("statement_seconds", "light", "routed", "0.99"): pytest.approx(99.0),
        ("statements", "light", "control"): 11,
        ("statement_seconds", "light", "control", "0.9"): pytest.approx(18.0),
        ("statements", "heavy", "routed"): 10,
        ("statement_seconds", "heavy", "routed", "0.9"): 5.0,
    }


@pytest.mark.parametrize(("count", "told"), [(9, 0), (10, 1), (99, 1), (100, 2)])
def test_a_quantile_wants_a_statement_beyond_it(count: int, told: int) -> None:
    gauges = statement_gauges([ran(1.0)] * count)
    assert len([gauge for gauge in gauges if gauge.name == "smart_routing_statement_seconds"]) == told


@pytest.mark.parametrize(
    "left_out",
    [
        ran(1.0, mode=Treatment.SHADOW),
        ran(1.0, mode=Treatment.OFF),
        ran(1.0, state="FAILED"),
        ran(1.0, state="RUNNING"),
    ],
    ids=["shadow", "off", "failed", "running"],
)
def test_what_was_not_routed_or_did_not_finish_is_left_out(left_out: Ran) -> None:
    assert statement_gauges([left_out]) == ()


def test_figures_are_declared_ones(tmp_path_factory: pytest.TempPathFactory) -> None:
    gauges = [*statement_gauges([ran(1.0)] * 100), *saving_gauges({"targets": 0.2, "routing_alone": -0.1})]
    write_gauges(tmp_path_factory.mktemp("reports"), "business", gauges=gauges, written_at=NOON)
    assert values(gauges)["saving_share", "routing_alone"] == -0.1
