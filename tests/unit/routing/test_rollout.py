from math import sqrt

import pytest

from smart_routing.rollout import Rollout, RouterMode, Treatment

PLACES = {
    "ana": "shadow",
    "bo": "control",
    "etl": "shadow",
    "eve": "shadow",
    "zoe": "shadow",
    "": "canary",
    "José": "shadow",
    "用户": "canary",
    "\ud800": "shadow",
}
USERS = [f"user-{number}" for number in range(10_000)]


def share(rollout: Rollout, treatment: Treatment) -> float:
    return sum(rollout.treatment(user) == treatment for user in USERS) / len(USERS)


def is_near(found: float, expected: float) -> bool:
    """Within four standard deviations of a binomial share of 10,000."""
    return abs(found - expected) <= 4 * sqrt(expected * (1 - expected) / len(USERS))


@pytest.mark.parametrize("control_share", [0.0, 0.01, 0.2, 1.0])
def test_control_group_has_its_share_of_users(control_share: float) -> None:
    rollout = Rollout(control_share=control_share)
    assert is_near(share(rollout, Treatment.CONTROL), control_share)
    assert is_near(share(rollout, Treatment.FULL), 1 - control_share)


@pytest.mark.parametrize("canary_share", [0.0, 0.01, 0.1, 0.5, 1.0])
def test_canary_has_its_share_of_those_outside_the_control_group(canary_share: float) -> None:
    rollout = Rollout(mode=RouterMode.CANARY, canary_share=canary_share, control_share=0.05)
    assert is_near(share(rollout, Treatment.CONTROL), 0.05)
    assert is_near(share(rollout, Treatment.CANARY), 0.95 * canary_share)
    assert is_near(share(rollout, Treatment.SHADOW), 0.95 * (1 - canary_share))


def test_canary_that_grows_keeps_its_users() -> None:
    small, large = (Rollout(mode=RouterMode.CANARY, canary_share=size) for size in (0.1, 0.3))
    routed = [user for user in USERS if small.treatment(user) == Treatment.CANARY]
    assert {large.treatment(user) for user in routed} == {Treatment.CANARY}


def test_control_group_is_the_same_in_canary_and_full() -> None:
    full, canary = Rollout(), Rollout(mode=RouterMode.CANARY, canary_share=0.5)
    groups = [[user for user in USERS if each.treatment(user) == Treatment.CONTROL] for each in (full, canary)]
    assert groups[0] == groups[1]


def test_places_of_users_never_change() -> None:
    rollout = Rollout(mode=RouterMode.CANARY, canary_share=0.5, control_share=0.2)
    assert {user: rollout.treatment(user) for user in PLACES} == PLACES


@pytest.mark.parametrize(
    ("rollout", "treatment", "routes_anybody"),
    [
        pytest.param(Rollout(mode=RouterMode.OFF), Treatment.OFF, False, id="off"),
        pytest.param(Rollout(mode=RouterMode.OFF, all_large=True), Treatment.OFF, False, id="off-beats-all-large"),
        pytest.param(Rollout(mode=RouterMode.SHADOW), Treatment.SHADOW, False, id="shadow"),
        pytest.param(Rollout(mode=RouterMode.SHADOW, all_large=True), Treatment.FULL, True, id="all-large-in-shadow"),
        pytest.param(Rollout(control_share=1.0, all_large=True), Treatment.FULL, True, id="all-large-of-control"),
        pytest.param(Rollout(control_share=1.0), Treatment.CONTROL, True, id="control"),
    ],
)
def test_order_for_everybody(rollout: Rollout, treatment: Treatment, routes_anybody: bool) -> None:
    assert {rollout.treatment(user) for user in USERS[:100]} == {treatment}
    assert rollout.routes_anybody is routes_anybody
