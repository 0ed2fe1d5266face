"""Prometheus takes the configuration and the rules as they are meant, and Alertmanager tells a chat and a mailbox."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from infra.local.processes import LOOPBACK, Program, Server, free_port, require, running
from infra.local.servers import observability
from infra.local.servers.observability import alertmanager_site
from tests.listeners import serving
from tests.receivers import Chat, Mailbox

PROMETHEUS = Path(__file__).parents[2] / "infra" / "prometheus"
JOBS = ["router", "collector", "exporter", "trino-gateway", "alertmanager"]
NOTICE_SECONDS = 20.0

pytestmark = pytest.mark.service


def promtool(*words: str | Path) -> subprocess.CompletedProcess[str]:
    program = require(Program("Prometheus's promtool", ("promtool",)))
    return subprocess.run([program, *words], check=False, capture_output=True, text=True, timeout=240)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder with the configuration as it stands, the targets and the tokens of a site."""
    folder = tmp_path / "prometheus"
    shutil.copytree(PROMETHEUS, folder)
    for name in ("targets", "tokens"):
        (folder / name).mkdir()
    for job in JOBS:
        (folder / "targets" / f"{job}.json").write_text(json.dumps([{"targets": [f"{LOOPBACK}:9"]}]))
        (folder / "tokens" / job).write_text("only-on-loopback")
    return folder


def test_configuration_and_rules_are_valid(site: Path) -> None:
    checked = promtool("check", "config", "--lint=all", "--lint-fatal", site / "prometheus.yml")
    assert (checked.returncode, checked.stderr) == (0, "")
    assert "WARNING" not in checked.stdout


def test_rules_fire_and_stay_quiet_as_their_tests_say(site: Path) -> None:
    checked = promtool("test", "rules", *sorted((site / "tests").glob("*.yml")))
    assert (checked.returncode, checked.stderr) == (0, "")


def test_a_rule_that_never_fires_fails_its_test(site: Path) -> None:
    rules = (site / "alerts.yml").read_text()
    (site / "alerts.yml").write_text(rules.replace('{outcome="refused"}', '{outcome="stored"}'))
    checked = promtool("test", "rules", site / "tests" / "events.yml")
    assert checked.returncode == 1
    assert "EventsRefused" in checked.stderr


@pytest.fixture
def chat() -> Iterator[Chat]:
    with serving(Chat()) as server:
        yield server


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    with serving(Mailbox()) as server:
        yield server


@contextmanager
def alertmanager(folder: Path, chat: Chat, mailbox: Mailbox) -> Iterator[Server]:
    """Alertmanager on the configuration but for its mail server."""
    alertmanager_site(folder, chat_url=chat.url)
    config = folder / "alertmanager.yml"
    text = config.read_text().replace("localhost:25", mailbox.address)
    config.unlink()
    config.write_text(text)
    server = observability.alertmanager(folder, free_port())
    with running(server):
        yield server


def test_critical_alert_reaches_chat_and_mailbox_and_no_secret_the_log(
    tmp_path: Path, chat: Chat, mailbox: Mailbox
) -> None:
    alert = {
        "labels": {"alertname": "CollectorDown", "severity": "critical", "instance": "collector:8090"},
        "annotations": {
            "summary": "Collector collector:8090 does not answer",
            "description": "Query events are lost.",
            "runbook": "docs/operations.md#collectordown",
        },
    }
    with alertmanager(tmp_path / "alertmanager", chat, mailbox) as server:
        httpx.post(f"{server.url}/api/v2/alerts", json=[alert]).raise_for_status()
        message = chat.messages.get(timeout=NOTICE_SECONDS)
        mail = mailbox.messages.get(timeout=NOTICE_SECONDS)
    (attachment,) = json.loads(message)["attachments"]
    assert attachment["title"] == "FIRING CollectorDown (critical)"
    assert attachment["text"] == (
        "Collector collector:8090 does not answer. Query events are lost. docs/operations.md#collectordown\n"
    )
    assert "Subject: [FIRING:1] CollectorDown" in mail
    assert chat.url not in server.log.read_text()
