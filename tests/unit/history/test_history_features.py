"""What a model sees of the past."""

import numpy as np
import pytest

from smart_routing.history.features import HISTORY_FEATURES, history_features
from smart_routing.history.measures import NO_HISTORY
from smart_routing.history.timeline import Timeline
from tests.unit.history.runs import NOW, keys_of, ran


def features(timeline: Timeline, sql: str = "select * from a join b using (x)", **who: str) -> dict[str, float]:
    found = history_features(timeline.as_of(NOW).measures(tuple(keys_of(sql, **who))))
    return dict(zip(HISTORY_FEATURES, found, strict=True))


def test_each_subject_has_its_own_past() -> None:
    timeline = Timeline([ran(cpu=1), ran(cpu=3, keys=keys_of(user="bo")), ran(cpu=9, keys=keys_of("select 2 from z"))])
    found = features(timeline)
    assert (found["template_cpu_max"], found["user_cpu_max"], found["source_cpu_max"]) == (3, 9, 9)
    assert found["template_in_schema_runs"] == found["table_runs"] == 2


def test_sizes_are_of_the_tables_that_are_known() -> None:
    timeline = Timeline([ran(rows=100, table="a"), ran(rows=30, table="b")])
    found = features(timeline, "select * from a, b, c")
    sizes = ("largest_table_rows", "second_table_rows", "tables_rows", "largest_table_bytes", "tables_bytes")
    assert [found[name] for name in sizes] == [100, 30, 130, 1000, 1300]
    assert found["tables_with_size"] == 2


def test_one_table_has_no_second() -> None:
    found = features(Timeline([ran(rows=100)]), "select * from a")
    assert np.isnan(found["second_table_rows"])
    assert found["tables_with_size"] == 1


@pytest.mark.parametrize("sql", ["select 1", "selec broken", "select * from a"], ids=["no table", "no tree", "a table"])
def test_without_a_past_nothing_is_known(sql: str) -> None:
    found = history_features(NO_HISTORY.measures(tuple(keys_of(sql))))
    assert np.isnan(found).all()


def test_texts_that_differ_in_literals_share_a_past_and_other_schemas_tables_do_not() -> None:
    one, two = keys_of("select * from a where x = 1"), keys_of("SELECT *  FROM a WHERE x = 22 -- again")
    assert one == two
    assert keys_of("select * from ads.a").tables == one.tables != keys_of("select * from other.a").tables
