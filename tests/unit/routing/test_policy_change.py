import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from smart_routing.errors import SettingsError
from smart_routing.labels import QueryWeight
from smart_routing.policy import Match, Override, PolicyDocument, PolicyFile, parse_policy
from smart_routing.policy_change import PolicyChange, PolicyOrder, change_policy_file, history_of
from smart_routing.rollout import RouterMode

NOW = datetime(2026, 10, 5, 12, tzinfo=UTC)
ETL, BI = Match(user="etl"), Match(source="bi")
ETL_IS_HEAVY = Override(match=ETL, decision=QueryWeight.HEAVY)
ETL_IS_LIGHT = Override(match=ETL, decision=QueryWeight.LIGHT, expires_at=NOW + timedelta(hours=2))
BI_IS_LIGHT = Override(match=BI, decision=QueryWeight.LIGHT)
DOCUMENT = PolicyDocument(revision=3, overrides=(BI_IS_LIGHT, ETL_IS_HEAVY), canary_share=0.2)


def change_file(path: Path, change: PolicyChange, *, reason: str | None = None) -> PolicyDocument:
    return change_policy_file(path, change, by="ana", now=NOW, reason=reason)


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


def test_first_order_makes_the_file_and_each_counts_one_revision(tmp_path: Path) -> None:
    path = tmp_path / "new" / "policy.json"
    assert change_file(path, PolicyChange(mode=RouterMode.SHADOW)).revision == 1
    assert change_file(path, PolicyChange(overrides=(ETL_IS_LIGHT,))).revision == 2
    policy = PolicyFile(path).poll(now=NOW)
    assert (policy.rollout.mode, policy.overrides) == (RouterMode.SHADOW, (ETL_IS_LIGHT,))
    assert sorted(file.name for file in path.parent.iterdir()) == ["policy.json", "policy.json.history.jsonl"]


def test_history_tells_who_when_what_and_why(tmp_path: Path) -> None:
    path = tmp_path / "policy.json"
    change_file(path, PolicyChange(mode=RouterMode.CANARY, canary_share=0.1), reason="try it")
    change_file(path, PolicyChange(all_large=True, overrides=(ETL_IS_LIGHT,)))
    change_file(path, PolicyChange(removed=(ETL,)))
    orders = [msgspec.json.decode(line, type=PolicyOrder) for line in history_of(path).read_bytes().splitlines()]
    assert [(order.by, order.time, order.revision, order.reason) for order in orders] == [
        ("ana", NOW, 1, "try it"),
        ("ana", NOW, 2, None),
        ("ana", NOW, 3, None),
    ]
    assert [order.changes for order in orders] == [
        ("mode=canary", "canary_share=0.1"),
        ("all_large=true", "override user=etl:light until 2026-10-05T14:00:00+00:00"),
        ("no override user=etl",),
    ]


def test_fields_that_an_order_does_not_name_survive(tmp_path: Path) -> None:
    path = tmp_path / "policy.json"
    overrides = [{"match": {"user": "bo"}, "decision": "heavy", "note": "ana"}]
    path.write_text(json.dumps({"revision": 7, "control_share": 0.05, "overrides": overrides}))
    found = change_file(path, PolicyChange(mode=RouterMode.OFF))
    assert parse_policy(path.read_bytes(), source="p") == found
    assert (found.revision, found.control_share, found.overrides[0].note) == (8, 0.05, "ana")


@pytest.mark.parametrize("content", ["{", '{"revision": 1, "mode": "halt"}'], ids=["broken", "unknown-mode"])
def test_unusable_file_is_left_as_it_is(tmp_path: Path, content: str) -> None:
    path = tmp_path / "policy.json"
    path.write_text(content)
    with pytest.raises(SettingsError, match=r"policy\.json cannot be used"):
        change_file(path, PolicyChange(all_large=True))
    assert path.read_text() == content
    assert history_of(path).read_text() == ""


def test_folder_that_is_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match="cannot be written"):
        change_file(tmp_path / "file" / "policy.json", PolicyChange(all_large=True))


def test_permissions_stay(tmp_path: Path) -> None:
    path = tmp_path / "policy.json"
    change_file(path, PolicyChange(all_large=True))
    assert path.stat().st_mode & 0o777 == 0o644
    path.chmod(0o640)
    change_file(path, PolicyChange(all_large=False))
    assert path.stat().st_mode & 0o777 == 0o640


def test_orders_at_one_time_all_count(tmp_path: Path) -> None:
    path = tmp_path / "policy.json"
    orders = [
        PolicyChange(overrides=(Override(match=Match(user=f"u{n}"), decision=QueryWeight.HEAVY),)) for n in range(20)
    ]
    with ThreadPoolExecutor(8) as pool:
        revisions = [found.revision for found in pool.map(lambda order: change_file(path, order), orders)]
    assert sorted(revisions) == list(range(1, 21))
    assert len(parse_policy(path.read_bytes(), source="p").overrides) == 20
