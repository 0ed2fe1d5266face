import json
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from models.backtest.fleet import DecidedFleet
from models.backtest.judge import backtest
from models.backtest.noise import noise_ceiling
from models.backtest.result import Backtest
from models.backtest.table import table
from models.capacity import read_capacity
from models.contenders.approach import Contest
from models.contenders.field import CONTENDERS, LIGHTGBM, OURS
from models.dataset import Example, label
from models.gate import read_gate
from models.params import read_params
from smart_routing.labels import LabelRule
from smart_routing.querylog.records import QueryRecord
from tests.unit.models.examples import START, example

RULE = LabelRule()


def record(number: int) -> QueryRecord:
    """Each tenth asks for metadata; of the others every third is heavy, of a template of its own."""
    created = START + timedelta(minutes=15 * number)
    light = "show tables" if number % 10 == 1 else f"select count(*) from t{number % 14} where k = {number}"
    text = light if number % 3 or number % 10 == 1 else example(number, heavy=True).request.sql
    return QueryRecord(
        query_id=f"q{number}",
        sql=text,
        user=f"user{number % 7}",
        state="FINISHED",
        cpu_seconds=400.0 if "join" in text else 2.0,
        wall_seconds=5.0,
        create_time=created,
        end_time=created + timedelta(seconds=5),
        catalog="lake",
        schema="search" if number % 2 else "ads",
    )


def contest_of(records: Sequence[QueryRecord]) -> Contest:
    params = read_params()
    few = params.model_copy(update={"rounds": params.rounds.model_copy(update={"most": 30})})
    return Contest(labelled=label(records, RULE), rule=RULE, params=few, gate=read_gate())


def compete(records: int) -> Backtest:
    return backtest(contest_of([record(number) for number in range(records)]), capacity=read_capacity())


@pytest.fixture(scope="module")
def found(lightgbm_library: None) -> Backtest:
    return compete(960)


@pytest.fixture(scope="module")
def document(found: Backtest) -> dict[str, Any]:
    written: dict[str, Any] = json.loads(json.dumps(found.as_json(), allow_nan=False))
    return written


def test_everyone_is_judged_on_the_same_rows(document: dict[str, Any]) -> None:
    blocks = [document["split"][name]["reads"] for name in ("train", "calibration", "holdout")]
    assert (sum(blocks), document["bound"]) == (960, 0.05)
    assert list(document["contenders"]) == list(CONTENDERS)
    rows = {(judged["own"]["rows"], judged["own"]["heavy"]) for judged in document["contenders"].values()}
    assert rows == {(blocks[2], document["split"]["holdout"]["heavy"])}


def test_ours_is_at_its_certificate_both_times(document: dict[str, Any]) -> None:
    own, certified = (document["contenders"][OURS][at] for at in ("own", "certified"))
    assert own == {name: value for name, value in certified.items() if name != "frontier"}
    assert own["certificate"]["bound"] == 0.05
    assert [point["bound"] for point in certified["frontier"]] == [0.01, 0.02, 0.05, 0.1]
    assert (own["fnr"], own["cost_difference"], own["cost_difference_ci"]) == (0.0, 0.0, [0.0, 0.0])


def test_rivals_that_rank_are_certified_for_the_same_bound(document: dict[str, Any]) -> None:
    certified = {name: judged["certified"] for name, judged in document["contenders"].items()}
    bounds = {name: found and found["certificate"]["bound"] for name, found in certified.items()}
    ranking = (OURS, LIGHTGBM, "template_p90", "text_boosting")
    assert bounds == dict.fromkeys(CONTENDERS) | dict.fromkeys(ranking, 0.05)


def test_cost_is_compared_with_ours(document: dict[str, Any]) -> None:
    costs = {name: judged["own"]["cost"] for name, judged in document["contenders"].items()}
    for name, judged in document["contenders"].items():
        low, high = judged["own"]["cost_difference_ci"]
        assert judged["own"]["cost_difference"] == pytest.approx(costs[OURS] - costs[name])
        assert low <= judged["own"]["cost_difference"] <= high
    assert document["contenders"]["all_heavy"]["own"]["cost_difference_ci"][1] < 0.0


def test_saving_is_that_of_the_fleet_of_the_holdout(document: dict[str, Any]) -> None:
    own = {name: judged["own"] for name, judged in document["contenders"].items()}
    at_targets = {name: found["capacity"]["at_targets"] for name, found in own.items()}
    for name, found in own.items():
        assert found["saving"] == at_targets[name]["saving"]["value"]
        assert found["saving_ci"][0] <= found["saving"] <= found["saving_ci"][1]
    large = {name: found["nodes"]["large"] for name, found in at_targets.items()}
    assert large["oracle"] == min(large.values()) < max(large.values()) == large["all_heavy"]
    assert len({found["capacity"]["scale"] for found in own.values()}) == 1


def test_writes_are_part_of_the_fleet_and_never_on_small() -> None:
    records = [record(number) for number in range(960)]
    writes = [replace(one, query_id=f"w{one.query_id}", sql="create table a as select 1") for one in records[800:]]
    contest = contest_of([*records, *writes])
    fleet = DecidedFleet.of(contest, read_capacity())
    assert sum(fleet.reads) == len(contest.split.holdout)
    assert len(fleet.examples) == len(contest.split.holdout) + len(writes)


def test_what_is_no_number_is_null_and_small_parts_are_not_judged(document: dict[str, Any]) -> None:
    kinds = document["contenders"]["heuristic"]["strata"]["kind"]
    assert kinds["metadata"]["fnr"] is None
    assert {name: part["judged"] for name, part in kinds.items()} == {"metadata": False, "query": True}


def test_table_has_everyone_and_every_part(found: Backtest) -> None:
    told = table(found)
    lines = told.splitlines()
    assert [sum(line.startswith(f"{name} ") for line in lines) for name in CONTENDERS] == [3, 3, 3, 3, 2, 2, 2]
    assert any(line.startswith("kind metadata") and line.endswith("not judged") for line in lines)
    assert re.search(r"\bnan", told) is None


@pytest.mark.usefixtures("lightgbm_library")
def test_without_a_certificate_everything_that_ranks_goes_to_large() -> None:
    document = compete(90).as_json()
    own, certified = (document["contenders"][OURS][at] for at in ("own", "certified"))
    assert (own["certificate"], certified["certificate"], document["bound"]) == (None, None, 0.05)
    assert own["missed"] == certified["missed"] == 0
    assert own["cost"] == document["contenders"]["all_heavy"]["own"]["cost"]


def repeats(labels: str, schema: str = "search") -> list[Example]:
    """One statement again and again, heavy where the letter is h."""
    return [
        replace(found, request=replace(found.request, schema=schema))
        for number, letter in enumerate(labels)
        for found in [example(number, heavy=letter == "h", sql="select 1 from t")]
    ]


@pytest.mark.parametrize(
    ("examples", "contested", "share"),
    [
        (repeats("hhll"), 2, 1.0),
        (repeats("hhhl"), 1, 1 / 3),
        (repeats("hlll"), 1, 1.0),
        (repeats("hh") + repeats("ll", schema="ads"), 0, 0.0),
        (repeats("hhl") + repeats("hll", schema="ads"), 2, 2 / 3),
    ],
    ids=["even", "mostly heavy", "mostly light", "apart by schema", "two groups"],
)
def test_contested_heavies_cost_a_false_alarm_each(examples: list[Example], contested: int, share: float) -> None:
    found = noise_ceiling(examples)
    assert found.contested == contested
    assert found.share == pytest.approx(share)
