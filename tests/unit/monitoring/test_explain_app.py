"""POST /v1/explain and the page: who may ask, what is refused, and what a browser shows."""

import asyncio
import json
import logging
import socket
import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import httpx
import pytest
import uvicorn

from monitoring.explain import create_app
from monitoring.explain.__main__ import main
from monitoring.explain.app import explain_app
from smart_routing.errors import SettingsError
from smart_routing.querylog.store import open_store
from smart_routing.settings import ExplainSettings
from tests.bundles import JoinModel
from tests.unit.monitoring.explained import LIGHT, desk, ran, write_trained

if TYPE_CHECKING:
    from playwright.sync_api import Browser

BODY = {
    "queryId": "q-1",
    "user": "ana",
    "sqlText": LIGHT,
    "sessionProperties": {"catalog": "lake", "schema": "search"},
    "submittedAt": "2026-10-08T00:00:00Z",
}
FORM = {"user": "ana", "source": "", "catalog": "lake", "schema": "search", "sql": "select '<script>' from orders"}
TOKEN = "a-token-of-tests"


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_trained(tmp_path_factory.mktemp("explained") / "v1.0.0")


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    return tmp_path / "token"


class Asked:
    """The application in this process, as a client at an address sees it."""

    def __init__(self, bundle: Path, state: Path, *, token_file: Path | None = None, client: str = "127.0.0.1") -> None:
        self.app = explain_app(desk(bundle, state, ran("q-2")), token_file=token_file)
        self._client = client

    def __call__(self, method: str, path: str, **options: Any) -> httpx.Response:
        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(self.app, client=(self._client, 4711))
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
                return await client.request(method, path, **options)

        return asyncio.run(ask())


@pytest.fixture
def ask(bundle: Path, tmp_path: Path) -> Asked:
    return Asked(bundle, tmp_path)


def test_the_body_of_a_routing_request_is_explained(ask: Asked) -> None:
    reply = ask("POST", "/v1/explain", json=BODY)
    told = reply.json()
    assert reply.status_code == 200
    assert (told["queryId"], told["decision"], told["reason"]) == ("q-1", "light", "model")
    assert told["opinion"]["thresholdKind"] == "without_history"
    assert told["similar"]["examples"][0]["queryId"] == "q-2"
    assert "select" not in {feature["name"] for feature in told["opinion"]["features"]}


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b'{"queryId": "q-1", "user": "ana"}', json.dumps(BODY | {"sqlText": 7}).encode(), b"\xff"],
    ids=["empty", "no_object", "no_sql", "sql_no_text", "no_utf8"],
)
def test_a_body_that_is_not_the_contract_is_a_400(ask: Asked, content: bytes) -> None:
    reply = ask("POST", "/v1/explain", content=content)
    assert reply.status_code == 400
    assert "body is not a routing request" in reply.json()["error"]


def test_a_body_over_the_limit_is_a_413(ask: Asked) -> None:
    assert ask("POST", "/v1/explain", content=b" " * (4 * 2**20 + 1)).status_code == 413


def test_a_version_that_is_not_loaded_is_a_404(ask: Asked) -> None:
    assert ask("POST", "/v1/explain", json=BODY, headers={"X-Model-Version": "v9"}).status_code == 404


def test_without_a_model_it_is_a_503_that_says_why(tmp_path: Path) -> None:
    JoinModel().publish(tmp_path / "v1.0.0")
    reply = Asked(tmp_path / "v1.0.0", tmp_path)("POST", "/v1/explain", json=BODY)
    assert reply.status_code == 503
    assert "booster.ubj" in reply.json()["error"]


@pytest.mark.parametrize("path", ["/v1/explain", "/explain"])
@pytest.mark.parametrize(
    "header", [None, f"Bearer {TOKEN}x", "Bearer", "Basic !", "Basic " + b64encode(b"ana:x").decode()], ids=range(5)
)
def test_a_token_is_needed_where_there_is_one(
    bundle: Path, tmp_path: Path, token_file: Path, header: str | None, path: str
) -> None:
    asked = Asked(bundle, tmp_path, token_file=token_file)
    assert asked("POST", path, json=BODY, headers={"Authorization": header} if header else {}).status_code == 401


def test_the_token_opens_from_anywhere_and_a_browser_sends_it_as_password(
    bundle: Path, tmp_path: Path, token_file: Path
) -> None:
    asked = Asked(bundle, tmp_path, token_file=token_file, client="10.0.0.7")
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    basic = {"Authorization": "Basic " + b64encode(f"ana:{TOKEN}".encode()).decode()}
    assert asked("GET", "/explain").headers["www-authenticate"].startswith("Basic")
    assert asked("POST", "/v1/explain", json=BODY, headers=bearer).status_code == 200
    assert asked("GET", "/explain", headers=basic).status_code == 200


def test_without_a_token_only_loopback_is_answered(bundle: Path, tmp_path: Path) -> None:
    far = Asked(bundle, tmp_path, client="10.0.0.7")
    assert [far("GET", "/explain").status_code, far("POST", "/v1/explain", json=BODY).status_code] == [401, 401]


def test_a_name_that_is_not_loopbacks_own_is_not_answered_without_a_token(ask: Asked) -> None:
    assert ask("POST", "/v1/explain", json=BODY, headers={"Host": "rebound.example"}).status_code == 401


def test_the_page_shows_the_statement_to_its_sender_as_text(ask: Asked) -> None:
    page = ask("POST", "/explain", content=urlencode(FORM)).text
    assert "select &#x27;&lt;script&gt;&#x27; from orders" in page
    assert "<script" not in page
    assert "http" not in page
    assert "<svg" in page


def test_hostile_fields_and_terms_are_no_markup(ask: Asked) -> None:
    hostile = '"><img src=x onerror=alert(1)>'
    page = ask("POST", "/explain", content=urlencode(FORM | dict.fromkeys(("user", "source", "schema"), hostile))).text
    assert "<img" not in page
    assert "&quot;&gt;&lt;img" in page


@pytest.mark.parametrize("content", [b"", b"user=ana", b"sql=select+1", b"user=%ff&sql=1", b"\xff"], ids=range(5))
def test_a_form_that_cannot_be_used_is_told_on_the_page(ask: Asked, content: bytes) -> None:
    reply = ask("POST", "/explain", content=content)
    assert (reply.status_code, "expected" in reply.text) == (400, True)


def test_no_text_of_a_statement_is_logged(ask: Asked, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        ask("POST", "/v1/explain", json=BODY | {"sqlText": "select 424242 from"})
        ask("POST", "/explain", content=urlencode(FORM | {"sql": "show 424242"}))
    assert [record.message for record in caplog.records if record.name == "monitoring.explain.app"] == ["explained"] * 2
    assert "424242" not in caplog.text + str([vars(record) for record in caplog.records])


def test_a_token_file_that_cannot_be_read_is_told_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="token file"):
        create_app(ExplainSettings(token_file=tmp_path / "none", state_dir=tmp_path))


def test_beyond_loopback_a_token_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["explain"])
    monkeypatch.setenv("SMART_ROUTING_EXPLAIN_HOST", "0.0.0.0")  # noqa: S104  # what is refused
    assert main() == 2
    assert "SMART_ROUTING_EXPLAIN_TOKEN_FILE" in capsys.readouterr().err


def test_the_parts_are_those_that_routers_and_flows_are_told_of(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SMART_ROUTING_SERVING_SOURCE", str(bundle))
    monkeypatch.setenv("SMART_ROUTING_QUERY_LOG_STORE", str(tmp_path / "log"))
    monkeypatch.setenv("SMART_ROUTING_HISTORY_SNAPSHOT", str(tmp_path / "history.npz"))
    monkeypatch.setenv("SMART_ROUTING_KNOWN_HEAVY_STORE", "redis://127.0.0.1:1/0")
    open_store(str(tmp_path / "log")).append([ran("q-2"), ran("q-3", schema="ads")])
    asked = Asked(bundle, tmp_path)
    asked.app = create_app(ExplainSettings(state_dir=tmp_path / "state"))
    told = asked("POST", "/v1/explain", json=BODY).json()
    assert [example["queryId"] for example in told["similar"]["examples"]] == ["q-2"]
    assert told["notes"] == ["The known heavy templates are in Redis, where explanations do not look."]


@contextmanager
def listening(bundle: Path, state: Path) -> Iterator[str]:
    """The address of the application on a free port of loopback."""
    app = explain_app(desk(bundle, state, ran("q-2"), ran("q-3", hours_ago=3, cpu=310.0)), token_file=None)
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


@pytest.mark.service
def test_a_browser_asks_and_shows_why(chromium: "Browser", bundle: Path, tmp_path: Path) -> None:
    with listening(bundle, tmp_path) as address:
        page = chromium.new_page(viewport={"width": 1100, "height": 1400})
        page.goto(f"{address}/explain")
        for name in ("user", "catalog", "schema"):
            page.fill(f"input[name={name}]", FORM[name])
        page.fill("textarea", LIGHT)
        page.click("button")
        assert page.inner_text("h1") == "Light: the small cluster"
        assert page.input_value("textarea") == LIGHT
        assert page.locator("svg rect").count() >= 3
        bar = page.locator("svg rect").first.bounding_box()
        assert bar is not None
        assert bar["height"] > 5
        page.screenshot(path=str(tmp_path / "page.png"), full_page=True)
        page.close()
    assert (tmp_path / "page.png").stat().st_size > 10_000
