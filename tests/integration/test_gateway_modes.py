"""The router's modes and hostile statements, through the real gateway on real clusters."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from time import monotonic
from typing import Final

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from smart_routing.decision_log import LoggedDecision
from smart_routing.labels import QueryWeight
from smart_routing.rollout import Rollout, RouterMode, Treatment
from smart_routing.routing import Reason
from tests.fleet import USERS, Fleet, Sent, Session, Statement
from tests.waiting import wait_until

pytestmark = [pytest.mark.service, pytest.mark.timeout(600)]

LIGHT: Final = "show tables"
"""Light by rule, whatever the model."""

EVERYBODY: Final = [f"user-{number}" for number in range(40)]
POLICY_SECONDS: Final = 5.0
"""From the end of the command."""

LOGGED_SECONDS: Final = 5.0


@pytest.fixture
def full_mode(fleet: Fleet) -> Iterator[None]:
    yield
    set_mode(fleet, "--mode", "full", "--all-large", "off")


def set_mode(fleet: Fleet, *arguments: str) -> float:
    """The seconds from the order, its command's own among them, until every worker follows it."""
    began = monotonic()
    revision = fleet.shell.flow("set_policy", *arguments)["revision"]
    wait_until(
        lambda: all(found.startswith(f"{revision}-") for found in fleet.router_says("policyRevision")),
        seconds=POLICY_SECONDS,
    )
    return monotonic() - began


def send_light(fleet: Fleet, user: str) -> Sent:
    return fleet.send(Statement(sql=LIGHT, session=Session(user=user)))


def user_under(rollout: Rollout, treatment: Treatment) -> str:
    return next(user for user in EVERYBODY if rollout.treatment(user) == treatment)


def cluster(fleet: Fleet, sent: Sent) -> str:
    return fleet.nodes()[sent.ran.query_id].partition("-")[0]


@pytest.mark.usefixtures("full_mode")
def test_off_leaves_every_statement_to_the_default_group(fleet: Fleet) -> None:
    set_mode(fleet, "--mode", "off")
    sent = send_light(fleet, USERS[0])
    assert cluster(fleet, sent) == "large"
    assert fleet.await_events()[sent.ran.query_id].trace_token not in fleet.decisions()


@pytest.mark.usefixtures("full_mode")
def test_shadow_decides_and_leaves_every_statement_to_the_default_group(fleet: Fleet) -> None:
    set_mode(fleet, "--mode", "shadow")
    sent = send_light(fleet, USERS[0])
    assert cluster(fleet, sent) == "large"
    decision = fleet.decision(sent)
    assert (decision.mode, decision.decision) == (Treatment.SHADOW, QueryWeight.LIGHT)


@pytest.mark.usefixtures("full_mode")
def test_canary_routes_its_users_and_no_others(fleet: Fleet) -> None:
    set_mode(fleet, "--mode", "canary", "--share", "0.5")
    rollout = Rollout(mode=RouterMode.CANARY, canary_share=0.5)
    for treatment, expected in ((Treatment.CANARY, "small"), (Treatment.SHADOW, "large")):
        sent = send_light(fleet, user_under(rollout, treatment))
        assert cluster(fleet, sent) == expected
        assert fleet.decision(sent).mode == treatment


def test_full_routes_all_but_the_control_group(fleet: Fleet) -> None:
    control = next(
        name for name in map("user-{}".format, range(2000)) if Rollout().treatment(name) == Treatment.CONTROL
    )
    for user, treatment, expected in ((USERS[0], Treatment.FULL, "small"), (control, Treatment.CONTROL, "large")):
        sent = send_light(fleet, user)
        assert cluster(fleet, sent) == expected
        assert fleet.decision(sent).mode == treatment


@pytest.mark.usefixtures("full_mode")
def test_all_large_acts_on_every_worker_without_registry_and_redis(fleet: Fleet, figure: Callable[[str], None]) -> None:
    with fleet.without("mlflow", "redis"):
        seconds = set_mode(fleet, "--all-large", "on", "--reason", "small is on fire")
        sent = send_light(fleet, USERS[0])
        assert cluster(fleet, sent) == "large"
    assert fleet.decision(sent).reason is Reason.OVERRIDE
    figure(f"everything to large: {seconds:.1f} s after the command was given, with the registry and Redis down")


@dataclass(frozen=True, slots=True, kw_only=True)
class Hostile:
    """A statement that a parser or a server may choke on, why it is decided as it is, and what Trino makes of it."""

    name: str
    sql: str
    reason: Reason = Reason.MODEL
    error: str | None = None
    session: Session | None = None


HOSTILE: Final = [
    Hostile(
        name="two-megabytes",
        sql=f"select 1 /* {'x' * 2_000_000} */",
        reason=Reason.UNPARSABLE,  # over its maxBodySize, the gateway tells the router no text
        error="QUERY_TEXT_TOO_LARGE",
    ),
    Hostile(name="near-the-text-limit", sql=f"select 1 /* {'x' * 900_000} */"),
    Hostile(name="invalid", sql="selec from where", error="SYNTAX_ERROR"),
    Hostile(name="two-statements", sql="select 1; select 2", error="SYNTAX_ERROR"),
    Hostile(
        name="unknown-prepared-name",
        sql="execute no_such_name using 1",
        reason=Reason.UNPARSABLE,
        error="NOT_FOUND",
    ),
    Hostile(name="beyond-the-bmp", sql="select '\U0001f984\U00020000' as \"\U0001f40e\""),
    Hostile(name="header-of-8-kb", sql="select 1", session=Session(headers={"X-Trino-Client-Info": "x" * 8192})),
    Hostile(name="nested", sql="select " + "(" * 2000 + "1" + ")" * 2000, error="SYNTAX_ERROR"),
    Hostile(name="blank", sql=" ", reason=Reason.UNPARSABLE, error="SYNTAX_ERROR"),
]


@pytest.mark.parametrize("hostile", HOSTILE, ids=lambda hostile: hostile.name)
def test_hostile_statement_is_decided_and_left_to_trino(fleet: Fleet, hostile: Hostile) -> None:
    before, known = gateway_replies(fleet), fleet.decisions().keys()
    sent = fleet.send(Statement(sql=hostile.sql, session=hostile.session or Session()))
    assert sent.ran.error == hostile.error
    after = gateway_replies(fleet)
    assert {outcome: after[outcome] - before[outcome] for outcome in after if after[outcome] != before[outcome]} == {
        "routed": 1
    }
    decision = new_decision(fleet, known)
    assert decision.reason is hostile.reason
    is_small = hostile.reason is Reason.MODEL and decision.decision is QueryWeight.LIGHT
    assert cluster(fleet, sent) == ("small" if is_small else "large")


def new_decision(fleet: Fleet, known: Collection[str]) -> LoggedDecision:
    """The one that is not known yet: Trino's event of a text that is too long for it has no trace token."""
    wait_until(lambda: len(fleet.decisions()) > len(known), seconds=LOGGED_SECONDS)
    (found,) = (row for token, row in fleet.decisions().items() if token not in known)
    return found


def gateway_replies(fleet: Fleet) -> dict[str, float]:
    """How many questions of the gateway all workers answered, by outcome."""
    replies: dict[str, float] = {}
    for url in fleet.router_admin_urls:
        for family in text_string_to_metric_families(httpx.get(f"{url}/metrics").text):
            for sample in family.samples:
                if sample.name == "smart_routing_gateway_replies_total":
                    outcome = sample.labels["outcome"]
                    replies[outcome] = replies.get(outcome, 0) + sample.value
    return replies
