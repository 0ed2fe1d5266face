import json
import math
from datetime import timedelta
from typing import Any

import pytest

from monitoring.truth.outcomes import Fate, Followed
from monitoring.truth.rates import ALL, LEAST_HEAVY, NOT_KNOWN, OTHERS, Decided, Rates, rates
from smart_routing.labels import QueryWeight
from smart_routing.routing import Reason
from tests.unit.monitoring.truth.samples import HEAVY, LIGHT, NOON, decision, known


def one(rows: list[Followed], *, way: str = ALL, name: str = ALL, decided: Decided = Decided.ROUTED) -> Rates:
    (found,) = [
        part for part in rates(rows, seen={"t1"}) if (part.decided, part.way, part.name) == (decided, way, name)
    ]
    return found


def several(count: int, said: QueryWeight, was: QueryWeight, **of_outcome: Any) -> list[Followed]:
    """Statements of different templates."""
    return [known(said, was, template=f"t{number}", **of_outcome) for number in range(count)]


def test_errors_are_counted_by_what_the_statements_were() -> None:
    rows = [
        *several(30, HEAVY, HEAVY),
        *several(10, LIGHT, HEAVY),
        *several(50, LIGHT, LIGHT),
        *several(5, HEAVY, LIGHT),
    ]
    found = one(rows)
    assert (found.heavy, found.missed, found.light, found.alarmed) == (40, 10, 55, 5)
    assert found.false_negative_rate.value == 0.25
    assert found.false_positive_rate.value == pytest.approx(5 / 55)
    assert found.false_negative_rate.low < 0.25 < found.false_negative_rate.high
    assert found.is_judged


def test_of_few_heavies_nothing_is_judged() -> None:
    assert not one(several(LEAST_HEAVY - 1, HEAVY, HEAVY)).is_judged


def test_decision_without_an_event_is_neither_right_nor_wrong() -> None:
    fates = [Fate.PENDING, Fate.MISSING, Fate.MISSING, Fate.WITHOUT_SIZE, Fate.REPEATED]
    rows = [*several(5, LIGHT, LIGHT), *(Followed(decision("q"), fate) for fate in fates)]
    found = one(rows)
    assert (found.decisions, found.joined, found.pending, found.light, found.alarmed) == (10, 7, 1, 5, 0)
    assert found.coverage == 0.7


def test_repeats_of_a_template_on_a_day_are_one_unit_whose_first_row_counts() -> None:
    day = timedelta(days=1)
    rows = [
        known(LIGHT, HEAVY),
        *(known(HEAVY, HEAVY, submitted_at=NOON + timedelta(minutes=place)) for place in range(1, 9)),
        known(HEAVY, HEAVY, submitted_at=NOON + day),
        known(HEAVY, HEAVY, tenant="lake.ml"),
    ]
    found = one(rows)
    assert (found.heavy, found.missed, found.heavy_units, found.missed_units) == (11, 1, 3, 1)


def test_misses_weigh_their_cpu() -> None:
    rows = [known(LIGHT, HEAVY, cpu_seconds=30.0), known(HEAVY, HEAVY, cpu_seconds=10.0, template="t2")]
    assert one(rows).cpu_weighted_false_negative_rate == 0.75


def test_writes_are_joined_but_not_judged() -> None:
    found = one([known(HEAVY, HEAVY, is_read=False), known(LIGHT, LIGHT)])
    assert (found.joined, found.heavy, found.light) == (2, 0, 1)


def test_the_models_own_figures_leave_out_what_rules_decided() -> None:
    ruled = Followed(decision("q2", reason=Reason.KNOWN_HEAVY_TEMPLATE, decision=HEAVY), Fate.MISSING)
    rows = [known(LIGHT, HEAVY), ruled]
    assert (one(rows).decisions, one(rows, decided=Decided.MODEL).decisions) == (2, 1)


def test_parts_are_told_by_tenant_source_template_and_kind() -> None:
    rows = [
        known(LIGHT, HEAVY, tenant="lake.ads", template="t1"),
        known(HEAVY, HEAVY, tenant="lake.ml", template="t9"),
        Followed(decision(None, template=None, tenant=None), Fate.MISSING),
    ]
    assert one(rows, way="tenant", name="lake.ads").missed == 1
    assert one(rows, way="tenant", name=NOT_KNOWN).coverage == 0.0
    assert one(rows, way="template", name="unseen").missed == 0
    assert one(rows, way="template", name="seen").missed == 1
    assert one(rows, way="kind", name="query").heavy == 2
    assert one(rows, way="source", name="bi").decisions == 3


def test_tenant_of_an_old_row_is_that_of_its_event() -> None:
    (row,) = several(1, LIGHT, LIGHT, tenant="lake.ml")
    old = Followed(decision("q1", tenant=None), row.fate, row.outcome)
    assert one([old], way="tenant", name="lake.ml").light == 1


def test_rare_names_are_one_part() -> None:
    rows = [known(LIGHT, LIGHT, tenant=f"lake.s{number}") for number in range(30)]
    assert one(rows, way="tenant", name=OTHERS).decisions == 10


def test_figures_of_nothing_are_undefined_and_json_says_so() -> None:
    found = one([Followed(decision("q"), Fate.MISSING)])
    assert math.isnan(found.false_negative_rate.value)
    told = json.loads(json.dumps(found.as_json(), allow_nan=False))
    assert told["false_negative_rate"] == {"value": None, "low": None, "high": None}
    assert told["coverage"] == 0.0
