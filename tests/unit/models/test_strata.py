from dataclasses import replace

import numpy as np
import pytest

from models.evaluate import Contender, cost_difference
from models.strata import (
    LEAST_HEAVY,
    LEAST_TEMPLATES,
    MOST_NAMES,
    OTHERS,
    Part,
    confidence_of_each,
    differences_in_parts,
    strata,
)
from smart_routing.labels import LabelRule
from tests.unit.models.examples import CERTIFIED, COSTLY, GOOD, example, rows

RULE = LabelRule()
BEFORE = tuple(example(number, heavy=number < 2) for number in range(4))
HOLDOUT = tuple(example(number, heavy=number < 5) for number in range(3, 9))


def test_parts_cover_the_holdout_once() -> None:
    for parts in strata(HOLDOUT, before=BEFORE, rule=RULE).values():
        assert np.sum(list(parts.values()), axis=0).tolist() == [1] * 6


def test_parts_are_known_from_what_came_before() -> None:
    stranger = replace(HOLDOUT[0], request=replace(HOLDOUT[0].request, user="bo", source="cli"))
    parts = strata((stranger, *HOLDOUT[1:]), before=BEFORE, rule=RULE)
    assert parts["user"]["unseen"].tolist() == [True, False, False, False, False, False]
    assert parts["source"]["cli"].tolist() == parts["user"]["unseen"].tolist()
    assert parts["tenant"]["lake.search"].all()


def test_same_template_is_seen_whatever_its_literals() -> None:
    known = example(0, heavy=True)
    again = example(50, heavy=True, sql=known.request.sql.replace("= 0", "= 77"))
    parts = strata((again, example(60, heavy=False)), before=(known,), rule=RULE)
    assert parts["template"]["seen"].tolist() == [True, False]


@pytest.mark.parametrize(
    ("cpu_seconds", "memory_bytes", "part"),
    [(149.0, 0, "far"), (150.0, 0, "near"), (600.0, 0, "near"), (601.0, 0, "far"), (1.0, RULE.memory_bytes, "near")],
    ids=["below half", "half", "twice", "above twice", "memory"],
)
def test_near_is_within_a_factor_of_two_of_a_limit(cpu_seconds: float, memory_bytes: int, part: str) -> None:
    one = replace(HOLDOUT[0], cpu_seconds=cpu_seconds, peak_memory_bytes=memory_bytes)
    assert list(strata((one,), before=BEFORE, rule=RULE)["limit"]) == [part]


def test_rare_names_are_one_part() -> None:
    many = tuple(
        replace(one, request=replace(one.request, schema=f"s{number // 2}"))
        for number, one in enumerate(example(number, heavy=False) for number in range(2 * MOST_NAMES + 1))
    )
    parts = strata(many, before=BEFORE, rule=RULE)["tenant"]
    assert len(parts) == MOST_NAMES + 1
    assert parts[OTHERS].sum() == 1


def first(count: int) -> Part:
    """The first rows of `GOOD`, of which 40 are heavy."""
    return np.arange(len(GOOD)) < count


def test_parts_with_enough_heavies_and_templates_are_compared() -> None:
    ours, theirs = (Contender(rows=found, threshold=CERTIFIED) for found in (COSTLY, GOOD))
    parts = {"way": {"whole": first(140), "few": first(LEAST_HEAVY - 1), "light": ~first(40), "enough": first(60)}}
    found = {part.name: part for part in differences_in_parts(ours, theirs, parts, rule=RULE)}
    assert list(found) == ["whole", "enough"]
    assert (found["enough"].way, found["enough"].rows, found["enough"].heavy) == ("way", 60, 40)
    assert found["enough"].difference.value == 20 * 2.0
    assert found["enough"].difference.low > 0


def test_rows_of_few_templates_are_not_compared() -> None:
    repeated = rows([0.9] * 400, [True] * 400, unit=[f"u{number % (LEAST_TEMPLATES - 1)}" for number in range(400)])
    same = Contender(rows=repeated, threshold=CERTIFIED)
    assert differences_in_parts(same, same, {"way": {"whole": repeated.heavy}}, rule=RULE) == ()


def test_interval_widens_with_the_number_of_parts() -> None:
    ours, theirs = (Contender(rows=found, threshold=CERTIFIED) for found in (COSTLY, GOOD))
    alone, *_ = differences_in_parts(ours, theirs, {"way": {"whole": first(140)}}, rule=RULE)
    many = {"way": {f"part {number}": first(140) for number in range(10)}}
    among, *_ = differences_in_parts(ours, theirs, many, rule=RULE)
    assert alone.difference == cost_difference(ours, theirs, RULE)
    assert among.difference == cost_difference(ours, theirs, RULE, confidence=1 - 0.05 / 10)
    assert among.difference.low < alone.difference.low < alone.difference.high < among.difference.high


@pytest.mark.parametrize(("intervals", "each"), [(0, 0.95), (1, 0.95), (10, 0.995)], ids=["none", "one", "ten"])
def test_each_of_many_intervals_is_wider(intervals: int, each: float) -> None:
    assert confidence_of_each(intervals) == pytest.approx(each)
