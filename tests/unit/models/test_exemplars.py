from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from models.behaviour.exemplars import exemplars, largest_table
from smart_routing.history.keys import HistoryKeys
from smart_routing.history.measures import NO_HISTORY
from smart_routing.history.timeline import Run, Timeline
from smart_routing.labels import LabelRule
from smart_routing.querylog.records import TableInput
from tests.unit.models.examples import START, example, ran

RULE = LabelRule(cpu_seconds=100.0, memory_bytes=1000)
SQL = "select 1 from t where k = 1"


@pytest.mark.parametrize(
    ("costs", "found"),
    [
        ([300.0], "heavy"),
        ([299.0], ""),
        ([300.0, 500.0], "heavy"),
        ([300.0, 99.0], ""),
        ([10.0] * 5, "light"),
        ([10.0] * 4, ""),
        ([10.0] * 4 + [10.1], ""),
    ],
    ids=["once, by far", "not by far", "always", "not always", "light", "too few", "not so light"],
)
def test_exemplar_is_what_all_runs_were_by_far(costs: Sequence[float], found: str) -> None:
    runs = [ran(start=number, minutes=1, cpu=cpu, sql=SQL) for number, cpu in enumerate(costs)]
    known = exemplars(runs, RULE)
    assert (known.heavy, known.light) == {"": ((), ()), "heavy": ((runs[-1],), ()), "light": ((), (runs[-1],))}[found]


def test_memory_counts_as_cpu_does() -> None:
    run = replace(ran(start=0, minutes=1, cpu=1.0), peak_memory_bytes=3000)
    assert exemplars([run], RULE).heavy == (run,)


def test_what_failed_for_its_size_before_it_cost_anything_is_not_light() -> None:
    runs = [ran(start=number, minutes=1, cpu=1.0, heavy=number == 2, sql=SQL) for number in range(5)]
    assert exemplars(runs, RULE).light == ()


def test_schemas_are_apart() -> None:
    runs = [ran(start=number, minutes=1, cpu=cpu, sql=SQL) for number, cpu in enumerate((300.0, 1.0))]
    elsewhere = replace(runs[1], request=replace(runs[1].request, schema="other"))
    assert exemplars([runs[0], elsewhere], RULE).heavy == (runs[0],)


def test_largest_table_is_the_one_with_most_rows_in_full_and_quoted() -> None:
    run_before = example(0, heavy=False, sql='select * from Small, x."sf0.1".Big, unknown')
    sizes = [
        TableInput(catalog="lake", schema="search", table="small", physical_rows=5),
        TableInput(catalog="x", schema="sf0.1", table="big", physical_rows=9),
    ]
    run = Run(
        keys=HistoryKeys.of(run_before.request, "template", ()),
        ended_at=START - timedelta(hours=2),
        heavy=False,
        cpu_seconds=1.0,
        memory_bytes=1,
        inputs=tuple(sizes),
    )
    assert largest_table([run_before], Timeline([run]).at(START)) == '"x"."sf0.1"."Big"'


def test_without_sizes_it_is_some_table_and_without_tables_none() -> None:
    assert largest_table([example(0, heavy=False)], NO_HISTORY) == '"lake"."search"."orders"'
    assert largest_table([example(0, heavy=False, sql="select 1")], NO_HISTORY) is None
