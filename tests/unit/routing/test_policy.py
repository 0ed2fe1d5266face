import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from smart_routing.errors import SettingsError
from smart_routing.labels import QueryWeight
from smart_routing.policy import NO_POLICY, parse_policy, policy_in_force
from smart_routing.rollout import Rollout, RouterMode

NOW = datetime(2026, 10, 5, 12, tzinfo=UTC)
SOON = NOW + timedelta(minutes=5)


def document(**changes: Any) -> dict[str, Any]:
    return {
        "revision": 3,
        "overrides": [
            {"match": {"user": "etl"}, "decision": "heavy"},
            {"match": {"source": "bi"}, "decision": "light", "expires_at": SOON.isoformat(), "note": "ana: load test"},
        ],
    } | changes


def test_file_is_read_whole() -> None:
    policy = policy_in_force(parse_policy(json.dumps(document()).encode(), source="p"), now=NOW)
    assert [override.decision for override in policy.overrides] == [QueryWeight.HEAVY, QueryWeight.LIGHT]
    assert policy.valid_until == SOON
    assert policy.revision.startswith("3-")


@pytest.mark.parametrize(
    "content",
    [
        pytest.param("", id="empty"),
        pytest.param("[]", id="no-object"),
        pytest.param(json.dumps({}), id="no-revision"),
        pytest.param(json.dumps(document(revision=0)), id="revision-0"),
        pytest.param(json.dumps(document(overides=[])), id="unknown-key"),
        pytest.param(json.dumps(document(mode="halt")), id="unknown-mode"),
        pytest.param(json.dumps(document(canary_share=1.1)), id="share-over-1"),
        pytest.param(json.dumps(document(control_share=-0.1)), id="share-below-0"),
        pytest.param(json.dumps(document(all_large="yes")), id="all-large-no-flag"),
        pytest.param(json.dumps(document(overrides=[{"match": {}, "decision": "heavy"}])), id="match-of-nothing"),
        pytest.param(
            json.dumps(document(overrides=[{"match": {"usr": "a"}, "decision": "heavy"}])), id="unknown-field"
        ),
        pytest.param(json.dumps(document(overrides=[{"match": {"user": "a"}, "decision": "huge"}])), id="no-weight"),
        pytest.param(
            json.dumps(
                document(overrides=[{"match": {"user": "a"}, "decision": "heavy", "expires_at": "2026-10-05T12:00:00"}])
            ),
            id="no-time-zone",
        ),
    ],
)
def test_anything_else_is_refused_by_name(content: str) -> None:
    with pytest.raises(SettingsError, match="policy file p cannot be used"):
        parse_policy(content.encode(), source="p")


def test_file_of_before_is_told_where_known_heavy_templates_are_now() -> None:
    with pytest.raises(SettingsError, match="SMART_ROUTING_KNOWN_HEAVY_STORE, edited at /v1/known-heavy"):
        parse_policy(json.dumps(document(known_heavy=[])).encode(), source="p")


def test_rollout_is_read_from_the_top_level_and_is_part_of_the_revision() -> None:
    written = document(mode="canary", canary_share=0.25, all_large=True)
    policy, before = (
        policy_in_force(parse_policy(json.dumps(each).encode(), source="p"), now=NOW) for each in (written, document())
    )
    assert policy.rollout == Rollout(mode=RouterMode.CANARY, canary_share=0.25, control_share=0.01, all_large=True)
    assert before.rollout == NO_POLICY.rollout == Rollout()
    assert policy.revision != before.revision
