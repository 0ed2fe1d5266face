from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from models.behaviour.checks import MOST_TEMPLATES, Behaviour, BehaviourCheck, check_behaviour
from models.dataset import Example
from smart_routing.features.statement import ParseLimits
from smart_routing.history.measures import NO_HISTORY
from smart_routing.inference import Model, open_session
from tests.bundles import JoinModel, join_onnx
from tests.unit.models.examples import example

LIGHT = "select count(*) from orders o where o.o_custkey = 1"


def templates(count: int) -> tuple[Example, ...]:
    """Heavy ones with a join and light ones without, in turn."""
    return tuple(
        example(number, heavy=heavy, sql=f"select a.c from t{number} a{' join u on u.k = a.k' if heavy else ''}")
        for number, heavy in enumerate([True, False] * (count // 2))
    )


def checked(
    model: Model, holdout: Sequence[Example], *, before: Sequence[Example] = ()
) -> dict[Behaviour, BehaviourCheck]:
    found = check_behaviour(model, holdout, before=before, history=NO_HISTORY)
    return {check.behaviour: check for check in found}


@pytest.fixture
def by_joins(tmp_path: Path) -> Model:
    """Heavy from one JOIN."""
    return JoinModel(per_join=0.6, threshold=0.5).load(tmp_path / "bundle", version="1")


def by_column(model: Model, column: str, weight: float) -> Model:
    """Heavy where `weight` times this column is at least one half."""
    return replace(model, session=open_session(join_onnx(weight, column).SerializeToString()))


def test_model_of_tokens_and_tree_behaves(by_joins: Model) -> None:
    found = checked(by_joins, templates(20))
    rewritten = [found[name] for name in (Behaviour.COMMENTS, Behaviour.CASE, Behaviour.BLANKS, Behaviour.ALIASES)]
    assert [(check.cases, check.right, check.columns) for check in rewritten] == [(20, 20, ())] * 4
    joins = found[Behaviour.ADDED_JOINS]
    assert (joins.cases, joins.right) == (20, 20)


def test_statement_that_comments_make_too_long_is_no_case(by_joins: Model) -> None:
    holdout = templates(20)
    longest = max(len(found.request.sql) for found in holdout)
    capped = replace(by_joins, bundle=replace(by_joins.bundle, parse_limits=ParseLimits(bytes=longest)))
    found = checked(capped, holdout)
    comments, case = found[Behaviour.COMMENTS], found[Behaviour.CASE]
    assert comments.cases == comments.right < 20
    assert (case.cases, case.right) == (20, 20)


def test_model_that_reads_an_alias_is_found_out_with_its_column(by_joins: Model) -> None:
    """A column that has the name of an alias is taken for it, until the alias has another one."""
    holdout = [example(n, heavy=False, sql=f"select a.c from t{n} a order by a") for n in range(10, 30)]
    shorter, longer = len("select t10 . c from t10 <alias> order by a"), holdout[0].statement.value("sql_length")
    found = checked(by_column(by_joins, "sql_length", 1 / (shorter + longer)), holdout)
    aliases = found[Behaviour.ALIASES]
    assert (aliases.cases, aliases.right, aliases.columns) == (20, 0, ("sql_length",))


def test_model_that_takes_a_cross_join_for_light_is_found_out(by_joins: Model) -> None:
    joins = checked(by_column(by_joins, "join_graph_density", 0.6), templates(20))[Behaviour.ADDED_JOINS]
    assert (joins.cases, joins.right, joins.share) == (20, 0, 0.0)


def test_exemplars_are_asked_for_by_what_came_before(by_joins: Model) -> None:
    heavy = [replace(found, cpu_seconds=1000.0) for found in templates(6)]
    light = [example(number, heavy=False, sql=LIGHT) for number in range(10, 15)]
    found = checked(by_joins, templates(2), before=[*heavy, *light])
    assert (found[Behaviour.KNOWN_HEAVY].cases, found[Behaviour.KNOWN_HEAVY].right) == (6, 3)
    assert (found[Behaviour.KNOWN_LIGHT].cases, found[Behaviour.KNOWN_LIGHT].right) == (1, 1)


def test_templates_are_asked_about_once_and_not_too_many(by_joins: Model) -> None:
    repeats = [example(number, heavy=False, sql=LIGHT) for number in range(9)]
    assert checked(by_joins, repeats)[Behaviour.CASE].cases == 1
    assert checked(by_joins, templates(3 * MOST_TEMPLATES))[Behaviour.CASE].cases == MOST_TEMPLATES


def test_what_the_model_does_not_decide_is_no_case(by_joins: Model) -> None:
    rules = [example(number, heavy=False, sql="show tables") for number in range(5)]
    found = checked(by_joins, rules, before=rules)
    assert {check.cases for check in found.values()} == {0}
    assert {check.share for check in found.values()} == {None}
