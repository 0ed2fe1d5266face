"""Alerts of a flow, to a real mail server and a webhook: as they arrive, and where one breaks, hangs or is gone."""

import json
import logging
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from email import message_from_string, policy
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from prefect import flow
from prefect.settings import PREFECT_API_URL, PREFECT_LOGGING_TO_API_ENABLED, temporary_settings

from flows.alerting import LEDGER, tell_people
from flows.send_test_alert import send_test_alert_flow
from infra.local.processes import LOOPBACK
from monitoring.alerts.alert import Alert
from monitoring.alerts.telling import Delivery
from tests.listeners import serving
from tests.receivers import HANG, Chat, Mailbox
from tests.unit.monitoring.alerts.examples import alert, hostile

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType")  # MLflow's, on import

SECONDS = 10.0


@flow(name="tell")
def tell_flow(told: Alert) -> list[str]:
    deliveries: tuple[Delivery, ...] = tell_people(told)
    return [str(delivery) for delivery in deliveries]


class Site:
    """A mailbox and a chat, and settings that lead there."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self._stack = ExitStack()
        self._monkeypatch = monkeypatch
        self.set("ALERTS_BACKOFF_SECONDS", "0.05")
        self.set("ALERTS_TIMEOUT_SECONDS", "0.5")
        self.set("MONITORING_REPORTS", str(folder / "reports"))

    def set(self, name: str, value: str) -> None:
        self._monkeypatch.setenv(f"SMART_ROUTING_{name}", value)

    def chat(self, statuses: Iterable[int] = ()) -> Chat:
        chat = self._stack.enter_context(serving(Chat(statuses)))
        self.webhook(chat.url)
        return chat

    def webhook(self, url: str) -> None:
        secret = self.folder / "chat-url"
        secret.write_text(f"{url}\n")
        self.set("ALERTS_SLACK_WEBHOOK_FILE", str(secret))

    def mailbox(self, codes: Iterable[int] = ()) -> Mailbox:
        mailbox = self._stack.enter_context(serving(Mailbox(codes)))
        self.mail_server(mailbox.port)
        return mailbox

    def mail_server(self, port: int) -> None:
        self.set("ALERTS_SMTP_HOST", LOOPBACK)
        self.set("ALERTS_SMTP_PORT", str(port))
        self.set("ALERTS_SMTP_SECURITY", "none")
        self.set("ALERTS_MAIL_TO", "oncall@example.com, trino@example.com")

    def close(self) -> None:
        self._stack.close()


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, prefect_server: str) -> Iterator[Site]:
    found = Site(tmp_path, monkeypatch)
    with temporary_settings({PREFECT_API_URL: prefect_server, PREFECT_LOGGING_TO_API_ENABLED: False}):
        yield found
    found.close()


def test_an_alert_reaches_chat_and_mailbox_once(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    chat, mailbox = site.chat(), site.mailbox()
    with caplog.at_level(logging.INFO):
        assert tell_flow(alert()) == ["mail: told", "slack: told"]
        assert tell_flow(alert()) == ["mail: told before", "slack: told before"]
    message = json.loads(chat.messages.get(timeout=SECONDS))
    mail = message_from_string(mailbox.messages.get(timeout=SECONDS), policy=policy.default)
    assert message["text"] == "A change calls for a new model: v3-ab12cd (lake.research)"
    assert mail["To"] == "oncall@example.com, trino@example.com"
    assert mail["Subject"] == "[smart routing] A change calls for a new model: v3-ab12cd (lake.research)"
    assert chat.messages.empty()
    assert mailbox.messages.empty()
    assert "hook-8f3a" not in caplog.text


@pytest.mark.parametrize(
    ("statuses", "outcome", "tries"),
    [
        pytest.param([500, 503], "slack: told", 3, id="broken twice"),
        pytest.param([500] * 9, "slack: failed (the webhook answers 500: expected 200; tried 3 times)", 3, id="broken"),
        pytest.param([404], "slack: failed (the webhook answers 404: expected 200)", 1, id="gone for good"),
        pytest.param([HANG], "slack: unknown (the webhook did not answer: ReadTimeout)", 1, id="hangs"),
    ],
)
def test_a_webhook_that_fails_fails_no_flow(site: Site, statuses: list[int], outcome: str, tries: int) -> None:
    chat = site.chat(statuses)
    assert tell_flow(alert()) == [outcome]
    assert chat.messages.qsize() == tries


@pytest.mark.parametrize(
    ("codes", "outcome", "tries"),
    [
        pytest.param([451], "mail: told", 2, id="later"),
        pytest.param([554], "mail: failed (the mail server answers 554 told)", 1, id="refused"),
        pytest.param([HANG], "mail: unknown (the mail server went silent: SMTPServerDisconnected)", 1, id="hangs"),
    ],
)
def test_a_mail_server_that_fails_fails_no_flow(site: Site, codes: list[int], outcome: str, tries: int) -> None:
    mailbox = site.mailbox(codes)
    assert tell_flow(alert()) == [outcome]
    assert mailbox.messages.qsize() == tries


def test_nobody_there_is_tried_again_by_the_next_run(site: Site) -> None:
    site.webhook(f"http://{LOOPBACK}:9/nobody")
    site.mail_server(9)
    assert tell_flow(alert()) == [
        "mail: failed (the mail server cannot be reached: ConnectionRefusedError; tried 3 times)",
        "slack: failed (the webhook cannot be reached: ConnectError; tried 3 times)",
    ]
    site.chat()
    site.mailbox()
    assert tell_flow(alert()) == ["mail: told", "slack: told"]


def test_a_secret_that_cannot_be_read_fails_no_flow(site: Site) -> None:
    site.set("ALERTS_SLACK_WEBHOOK_FILE", str(site.folder / "nothing"))
    assert tell_flow(alert()) == []


def test_a_webhook_that_is_no_address_is_no_channel(site: Site) -> None:
    (site.folder / "address").write_text("not an address")
    site.set("ALERTS_SLACK_WEBHOOK_FILE", str(site.folder / "address"))
    assert tell_flow(alert()) == []


def test_a_test_alert_is_told_each_time(site: Site) -> None:
    chat = site.chat()
    trials = [send_test_alert_flow() for _ in range(2)]
    assert [(str(trial), trial.arrived) for trial in trials] == [("slack: told", True)] * 2
    assert chat.messages.qsize() == 2


def test_a_test_alert_that_arrives_nowhere_says_so(site: Site) -> None:
    assert not send_test_alert_flow().arrived
    site.webhook(f"http://{LOOPBACK}:9/nobody")
    assert not send_test_alert_flow().arrived


def test_without_channels_the_alert_is_kept_with_the_flow_run(site: Site) -> None:
    assert tell_flow(alert()) == []
    assert not (site.folder / "reports" / LEDGER).exists()


@pytest.mark.parametrize("told", [alert(), hostile()], ids=["usual", "hostile"])
def test_the_mail_is_readable_and_does_nothing_by_itself(
    site: Site, chromium: "Browser", tmp_path: Path, told: Alert
) -> None:
    mailbox = site.mailbox()
    tell_flow(told)
    mail = message_from_string(mailbox.messages.get(timeout=SECONDS), policy=policy.default)
    html, image = mail.get_body(("html",)), next(part for part in mail.walk() if part.get_content_type() == "image/png")
    assert html is not None
    (tmp_path / "moved.png").write_bytes(image.get_content())
    (tmp_path / "mail.html").write_text(html.get_content().replace("cid:moved@smart-routing", "moved.png"))
    page = chromium.new_page(viewport={"width": 800, "height": 900})
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto((tmp_path / "mail.html").as_uri())
    page.screenshot(path=tmp_path / "mail.png", full_page=True)
    assert [Path(url).name for url in asked] == ["mail.html", "moved.png"]
    assert page.evaluate("document.images[0].naturalWidth") > 300
    assert page.evaluate("document.images.length") == 1
