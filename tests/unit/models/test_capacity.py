import json
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from models.capacity import CAPACITY_FILE, Dollars, Nodes, Saving, Utilisation, count_nodes, read_capacity, saving
from models.dataset import Example
from models.demand import PeakCores
from smart_routing.errors import SettingsError
from smart_routing.labels import LabelRule
from tests.unit.models.examples import ran

INPUTS = read_capacity()
RULE = LabelRule(cpu_seconds=300.0)
DESIGN_CORES_OF_SMALL = 2500.0
"""Section 7.3: "small queries currently use a peak of 2500 cores"."""


def saved(examples: Sequence[Example], to_small: Sequence[bool], *, draws: int = 20) -> Saving:
    return saving(examples, np.array(to_small, dtype=np.bool_), rule=RULE, inputs=INPUTS, draws=draws)


def one_hour(*cpu: float, heavy: bool = False) -> list[Example]:
    return [ran(start=number, minutes=1, cpu=seconds, heavy=heavy) for number, seconds in enumerate(cpu)]


def test_design_saves_what_it_says() -> None:
    symmetric = INPUTS.fleet_nodes
    added_up = Nodes(symmetric=symmetric, all_heavy=symmetric, small=25, large=270, router=INPUTS.router_nodes)
    listed = Nodes(symmetric=symmetric, all_heavy=symmetric, small=24, large=270, router=INPUTS.router_nodes)
    assert (added_up.split, listed.split) == (300, 299)
    assert (round(added_up.saving, 3), round(listed.saving, 3)) == (0.259, 0.262)


def test_small_of_the_design_is_full_to_the_last_core() -> None:
    peaks = PeakCores(whole=0.0, small=DESIGN_CORES_OF_SMALL, large=0.0)
    full = Utilisation(symmetric=1.0, small=1.0, large=1.0)
    assert count_nodes(peaks, INPUTS, utilisation=full).small == 24


def test_design_at_its_own_utilisation_saves_less() -> None:
    whole = INPUTS.fleet_peak_cores
    peaks = PeakCores(whole=whole, small=DESIGN_CORES_OF_SMALL, large=whole - DESIGN_CORES_OF_SMALL)
    nodes = count_nodes(peaks, INPUTS, utilisation=INPUTS.utilisation)
    assert nodes == Nodes(symmetric=405, all_heavy=319, small=35, large=285, router=5)
    assert round(nodes.saving, 3) == 0.198


def test_log_is_scaled_to_the_fleet() -> None:
    found = saved(one_hour(900.0, 2700.0), [True, False])
    assert found.scale == pytest.approx(405 * 105 * 0.55)
    assert found.peaks.small == pytest.approx(405 * 105 * 0.55 / 4)
    assert found.at_targets.nodes == Nodes(symmetric=405, all_heavy=319, small=80, large=239, router=5)
    assert found.at_targets.saving.value == 1 - 324 / 405
    assert found.at_targets.routing_alone.value == 1 - 324 / 319
    assert found.at_targets.dollars_a_week.value == pytest.approx(81 * 229.46)


def test_saving_knows_no_unit_of_the_log() -> None:
    small, big = (saved(one_hour(9.0 * factor, 27.0 * factor), [True, False]) for factor in (1, 10))
    assert small.scale == pytest.approx(10 * big.scale)
    assert small.at_targets == big.at_targets


def test_scaling_makes_no_node_of_a_rounding_error() -> None:
    logs = (one_hour(3.6 * number) for number in range(1, 100))
    assert {saved(log, [True], draws=0).at_targets.nodes.symmetric for log in logs} == {405}


def test_routing_saves_nothing_at_equal_utilisation() -> None:
    found = saved(one_hour(900.0, 2700.0), [True, False]).at_equal_utilisation
    assert found.utilisation == Utilisation(symmetric=0.55, small=0.55, large=0.55)
    assert found.nodes == Nodes(symmetric=405, all_heavy=405, small=102, large=304, router=5)
    assert found.saving.value < 0
    assert found.saving.value == found.routing_alone.value


def test_hotter_clusters_save_more() -> None:
    found = saved(one_hour(900.0, 2700.0), [True, False]).tabulated
    assert [row.utilisation.large for row in found] == [0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85]
    savings = [row.saving.value for row in found]
    assert savings == sorted(savings)
    assert {row.nodes.symmetric for row in found} == {405}


def test_everything_on_large_is_the_all_heavy_fleet() -> None:
    found = saved(one_hour(900.0, 2700.0), [False, False])
    assert found.at_targets.nodes == Nodes(symmetric=405, all_heavy=319, small=0, large=319, router=0)
    assert found.at_targets.routing_alone.value == 0.0


def test_everything_on_small_needs_no_large() -> None:
    assert saved(one_hour(900.0, 2700.0), [True, True]).at_targets.nodes.large == 0


def test_misrouted_heavy_statement_needs_more_nodes() -> None:
    heavy = one_hour(3000.0, 3000.0, heavy=True)
    right, missed = saved(heavy, [False, False]), saved(heavy, [True, False])
    assert missed.at_targets.nodes.large == right.at_targets.nodes.large
    assert missed.at_targets.nodes.small == math.ceil(319 * 300 / 6000)
    assert missed.at_targets.saving.value < right.at_targets.saving.value


def test_log_without_cpu_saves_nothing_known() -> None:
    found = saved(one_hour(0.0, 0.0), [True, False])
    assert found.scale == 0.0
    assert math.isnan(found.at_targets.saving.value)
    assert math.isnan(found.at_targets.dollars_a_week.low)


def test_empty_log_saves_nothing_known() -> None:
    assert math.isnan(saved([], []).at_targets.saving.high)


def test_interval_is_over_templates() -> None:
    random = np.random.default_rng(5)
    heavies = [
        ran(start=float(start), minutes=20, cpu=400.0, heavy=True, sql=f"select count(*) from t{number}")
        for number, start in enumerate(random.uniform(0, 240, 30))
    ]
    lights = [
        ran(start=float(start), minutes=1, cpu=60.0, sql=f"select x from t{number}")
        for number, start in enumerate(random.uniform(0, 240, 60))
    ]
    found = saved(heavies + lights, [False] * 30 + [True] * 60, draws=50).at_targets
    assert found.saving.low < found.saving.high
    assert found.routing_alone.low < found.routing_alone.high < 0
    assert found.dollars_a_week.low == pytest.approx(found.saving.low * 405 * 229.46)


def test_one_template_leaves_no_doubt() -> None:
    found = saved(one_hour(900.0, 900.0), [True, False]).at_targets.saving
    assert found.low == found.value == found.high


def test_loss_of_money_is_told_with_its_sign() -> None:
    assert str(Dollars(value=-5507.2, low=-7584.0, high=65.4)) == "-5,507 dollars [-7,584, 65]"


def test_document_is_json() -> None:
    found = saved(one_hour(900.0, 2700.0), [True, False]).as_json()
    assert json.loads(json.dumps(found)) == found
    assert found["at_targets"]["nodes"]["split"] == 324
    assert len(found["tabulated"]) == len(INPUTS.tabulated_targets)


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("fleet_nodes = 405", "fleet_nodes = 0", "fleet_nodes is 0"),
        ("large = 0.70", "large = 70", "utilisation.large is 70"),
        ("router_nodes", "routers", "router_nodes is"),
    ],
    ids=["no-fleet", "percent", "unknown-key"],
)
def test_inputs_that_cannot_be_are_named(tmp_path: Path, old: str, new: str, complaint: str) -> None:
    text = CAPACITY_FILE.read_text()
    path = tmp_path / "capacity.toml"
    path.write_text(text.replace(old, new))
    with pytest.raises(SettingsError, match=complaint):
        read_capacity(path)
