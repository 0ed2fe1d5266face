"""GET, POST and DELETE of /v1/known-heavy, on the application itself."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from smart_routing.settings import KnownHeavySettings, ServingSettings
from tests.served import Served

Serve = Callable[..., Served]
PATH = "/v1/known-heavy"
SQL = "select a from t where b = 'zanzibar4711'"
SESSION = {"catalog": "lake", "schema": "search"}


def add(served: Served, **order: Any) -> httpx.Response:
    return served.admin("POST", PATH, json=order)


def entries(served: Served) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = served.admin("GET", PATH).raise_for_status().json()["entries"]
    return found


def reason(served: Served, sql: str = SQL, **session: str) -> str:
    served.components.known_heavy_watch.step()
    decided: str = served.route(sql, sessionProperties=session or SESSION).json()["reason"]
    return decided


def test_statement_that_is_added_is_heavy_with_other_literals_until_it_is_removed(serve: Serve) -> None:
    served = serve()
    added = add(served, sql=SQL, **SESSION, note="bo: runs for hours")
    assert added.status_code == 201
    entry = added.json()
    assert (entry["reason"], entry["queryId"], entry["note"]) == ("manual", None, "bo: runs for hours")
    assert entries(served) == [entry]
    assert reason(served, "select a from t where b = 'x'") == "known_heavy_template"
    assert reason(served, "select a from t where b = 'x'", catalog="lake", schema="other") == "model"
    gone = served.admin("DELETE", f"{PATH}/{entry['template']}", params=SESSION)
    assert (gone.status_code, entries(served), reason(served)) == (204, [], "model")


def test_template_is_added_by_its_fingerprint(serve: Serve) -> None:
    served = serve()
    template = add(served, sql=SQL).json()["template"]
    assert served.admin("DELETE", f"{PATH}/{template}").status_code == 204
    assert add(served, template=template, **SESSION).status_code == 201
    assert reason(served) == "known_heavy_template"


@pytest.mark.parametrize(("order", "hours"), [({}, 168.0), ({"ttlHours": 0.5}, 0.5)], ids=["setting", "order"])
def test_entry_stays_as_long_as_is_said(serve: Serve, order: dict[str, float], hours: float) -> None:
    before = datetime.now(UTC)
    entry = add(serve(), sql=SQL, **order).json()
    expires_at, added_at = (datetime.fromisoformat(entry[name]) for name in ("expiresAt", "addedAt"))
    assert expires_at - added_at == timedelta(hours=hours)
    assert before <= added_at <= datetime.now(UTC)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        pytest.param(b"", "no order for the known-heavy list", id="empty"),
        pytest.param(b"\xff", "no order for the known-heavy list", id="no-text"),
        pytest.param(b'{"catalog": "lake"}', "either sql or template", id="neither"),
        pytest.param(b'{"sql": "select 1", "template": "0123456789abcdef"}', "either sql or template", id="both"),
        pytest.param(b'{"template": "SELECT"}', "`$.template`", id="no-fingerprint"),
        pytest.param(b'{"sql": "select 1", "shema": "s"}', "unknown field `shema`", id="unknown-field"),
        pytest.param(b'{"sql": "select 1", "ttlHours": 0}', "`$.ttlHours`", id="ttl"),
        pytest.param(b'{"sql": "select \'zanzibar4711"}', "over the parse caps or has no tokens", id="open-quote"),
    ],
)
def test_order_that_cannot_be_followed_is_a_400_that_says_why(serve: Serve, body: bytes, message: str) -> None:
    served = serve()
    refused = served.admin("POST", PATH, content=body)
    assert refused.status_code == 400
    assert message in refused.json()["error"]
    assert "zanzibar4711" not in refused.text
    assert entries(served) == []


def test_removing_what_is_not_there_is_a_404_that_names_it(serve: Serve) -> None:
    refused = serve().admin("DELETE", f"{PATH}/0123456789abcdef", params={"catalog": "lake"})
    assert refused.status_code == 404
    assert refused.json()["error"] == (
        "template 0123456789abcdef (catalog lake, schema none) is not in the known-heavy list"
    )


@pytest.mark.parametrize(("method", "path"), [("GET", PATH), ("POST", PATH), ("DELETE", f"{PATH}/0123456789abcdef")])
def test_token_is_wanted(serve: Serve, tmp_path: Path, method: str, path: str) -> None:
    (tmp_path / "token").write_text("s3same\n")
    served = serve(admin_token_file=tmp_path / "token")
    assert served.admin(method, path).status_code == 401
    assert served.admin(method, path, headers={"Authorization": "Bearer wrong"}).status_code == 401
    assert served.admin(method, path, headers={"Authorization": "Bearer s3same"}).status_code != 401


def test_list_that_is_down_is_a_503_and_decisions_go_on(
    settings: Callable[..., ServingSettings], tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    with Served(settings(), KnownHeavySettings(store=str(tmp_path / "file" / "list.jsonl"))) as served:
        refused = [served.admin("GET", PATH), add(served, sql=SQL), served.admin("DELETE", f"{PATH}/0123456789abcdef")]
        assert [reply.status_code for reply in refused] == [503, 503, 503]
        assert "known-heavy list" in refused[0].json()["error"]
        assert reason(served) == "model"


def test_generation_is_told_with_the_model_and_logged_with_the_decision(serve: Serve) -> None:
    served = serve()
    before = served.admin("GET", "/v1/model").json()["knownHeavyGeneration"]
    add(served, sql=SQL, **SESSION)
    assert reason(served) == "known_heavy_template"
    after = served.admin("GET", "/v1/model").json()["knownHeavyGeneration"]
    assert before != after
    assert [row.known_heavy_generation for row in served.decisions()] == [after]


def test_listing_leaves_out_what_has_expired(serve: Serve) -> None:
    served = serve()
    add(served, sql=SQL, ttlHours=1e-9)
    assert entries(served) == []
