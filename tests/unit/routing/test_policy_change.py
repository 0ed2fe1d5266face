from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from smart_routing.errors import SettingsError
from smart_routing.labels import QueryWeight
from smart_routing.policy import Match, Override, PolicyDocument
from smart_routing.policy_change import PolicyChange
from smart_routing.rollout import RouterMode

NOW = datetime(2026, 10, 5, 12, tzinfo=UTC)
ETL, BI = Match(user="etl"), Match(source="bi")
ETL_IS_HEAVY = Override(match=ETL, decision=QueryWeight.HEAVY)
ETL_IS_LIGHT = Override(match=ETL, decision=QueryWeight.LIGHT, expires_at=NOW + timedelta(hours=2))
BI_IS_LIGHT = Override(match=BI, decision=QueryWeight.LIGHT)
DOCUMENT = PolicyDocument(revision=3, overrides=(BI_IS_LIGHT, ETL_IS_HEAVY), canary_share=0.2)


def test_only_what_is_named_changes() -> None:
    found = PolicyChange(mode=RouterMode.SHADOW).applied(DOCUMENT, now=NOW)
    assert found == msgspec.structs.replace(DOCUMENT, mode=RouterMode.SHADOW)
    assert PolicyChange(all_large=True).applied(found, now=NOW).mode == RouterMode.SHADOW
    assert PolicyChange(mode=RouterMode.CANARY).applied(DOCUMENT, now=NOW).canary_share == 0.2


def test_override_replaces_the_one_with_its_match_and_comes_first() -> None:
    found = PolicyChange(overrides=(ETL_IS_LIGHT,)).applied(DOCUMENT, now=NOW)
    assert found.overrides == (ETL_IS_LIGHT, BI_IS_LIGHT)


def test_override_is_removed_and_one_that_is_not_there_is_told() -> None:
    assert PolicyChange(removed=(ETL,)).applied(DOCUMENT, now=NOW).overrides == (BI_IS_LIGHT,)
    with pytest.raises(SettingsError, match="no override of user=bo: expected one of source=bi; user=etl"):
        PolicyChange(removed=(Match(user="bo"),)).applied(DOCUMENT, now=NOW)


def test_expired_overrides_are_cleared_away() -> None:
    before = PolicyDocument(revision=1, overrides=(ETL_IS_LIGHT, BI_IS_LIGHT))
    found = PolicyChange(all_large=True).applied(before, now=NOW + timedelta(hours=2))
    assert found.overrides == (BI_IS_LIGHT,)


def test_canary_of_nobody_is_refused() -> None:
    with pytest.raises(SettingsError, match="expected a share above 0"):
        PolicyChange(mode=RouterMode.CANARY).applied(PolicyDocument(revision=1), now=NOW)
