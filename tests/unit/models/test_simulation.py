"""The promise of a certificate, held to drawn deployments."""

import numpy as np
import pytest

from models.simulation import Deployment, deployments
from tests.unit.models.examples import rows

HEAVY, LIGHT = 2000, 12_000


@pytest.fixture(scope="module")
def drawn() -> list[Deployment]:
    """20 deployments of a scorer that overlaps: a few heavy statements score below most light ones."""
    random = np.random.default_rng(7)
    score = [*random.beta(4, 1.5, HEAVY), *random.beta(1, 9, LIGHT)]
    population = rows(score, [True] * HEAVY + [False] * LIGHT)
    return list(deployments(population, count=20, heavy_units=200, seed=1))


def test_certified_bounds_hold_and_leave_light_work_to_small(drawn: list[Deployment]) -> None:
    assert len(drawn) == 20
    assert sum(not deployment.holds for deployment in drawn) <= 3  # 4 or more of 20 at 5% each: 1.6%
    assert min(deployment.light_share for deployment in drawn) > 0.3


def test_threshold_tuned_until_the_block_looks_right_breaks_its_bound(drawn: list[Deployment]) -> None:
    assert sum(not deployment.naive_holds for deployment in drawn) > 6


def test_same_seed_draws_the_same_deployments(drawn: list[Deployment]) -> None:
    population = rows([0.9, 0.8, 0.1, 0.2] * 100, [True, True, False, False] * 100)
    first, second = (list(deployments(population, count=3, heavy_units=100, seed=5)) for _ in range(2))
    assert first == second != []


def test_deployment_without_a_certificate_promises_nothing() -> None:
    population = rows([0.9, 0.1] * 50, [True, False] * 50)
    assert list(deployments(population, count=3, heavy_units=10, seed=0)) == []
