"""Literals of the workload's statements: drawn anew at each place, the same for the same seed."""

import re
from datetime import date
from random import Random
from string import Formatter

import pytest

from benchmarks.workload.dashboards import TILES
from benchmarks.workload.etl import JOBS
from benchmarks.workload.literals import LITERALS, fill
from benchmarks.workload.noise import METADATA, MISTAKES
from benchmarks.workload.stars import STARS

ALL = ", ".join(f"{{{name}}}" for name in LITERALS)
FIXED = {"mart", "table", "catalog", "schema", "unique", "job"}
"""What the makers of statements give themselves."""


def test_same_seed_draws_the_same_literals() -> None:
    assert [fill(ALL, Random(5)) for _ in range(3)] == [fill(ALL, Random(5))] * 3


def test_other_seeds_draw_others() -> None:
    assert len({fill(ALL, Random(seed)) for seed in range(50)}) == 50


def test_literals_of_a_seed_are_what_they_were() -> None:
    assert fill("{date} {nations} {brand} {top}", Random(5)) == "1994-12-13 'FRANCE', 'JAPAN', 'ALGERIA' Brand#42 500"


def test_each_place_has_a_literal_of_its_own_but_for_fixed_ones() -> None:
    filled = fill("{job} " * 50 + "{key} " * 50, Random(5), job="7").split()
    assert set(filled[:50]) == {"7"}
    assert len(set(filled[50:])) > 40


def test_literal_that_is_not_known_is_an_error() -> None:
    with pytest.raises(KeyError, match="colour"):
        fill("select {colour}", Random(1))


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [("date", date(1992, 2, 1), date(1998, 8, 2)), ("sold", date(1998, 1, 5), date(2003, 1, 2))],
    ids=["orders", "sales"],
)
def test_days_are_those_of_the_generators_data(name: str, first: date, last: date) -> None:
    random = Random(5)
    days = [date.fromisoformat(LITERALS[name](random)) for _ in range(2000)]
    assert first <= min(days) < max(days) <= last
    assert (max(days) - min(days)).days > 0.9 * (last - first).days


@pytest.mark.parametrize("name", ["nations", "categories", "states"])
def test_lists_are_one_to_three_different_values(name: str) -> None:
    random = Random(5)
    drawn = [LITERALS[name](random).split(", ") for _ in range(200)]
    assert {len(values) for values in drawn} == {1, 2, 3}
    assert all(len(set(values)) == len(values) for values in drawn)
    assert all(re.fullmatch(r"'[A-Za-z]+'", value) for values in drawn for value in values)


def test_every_name_in_a_template_is_known_and_every_literal_is_used() -> None:
    templates = [*METADATA, *MISTAKES]
    templates += [tile for tiles in TILES.values() for tile in tiles]
    templates += [step for steps in JOBS for step in steps]
    templates += [condition for stars in STARS.values() for star in stars for condition in star.conditions]
    named = {name for template in templates for _, name, _, _ in Formatter().parse(template) if name}
    assert named <= LITERALS.keys() | FIXED
    assert LITERALS.keys() - named <= {"rank"}  # which only the grammar of analysts uses
