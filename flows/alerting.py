"""Telling people, as a task that never fails: the chat, the mailbox, and a page of the flow run."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import httpx
from prefect import task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE
from prefect.logging import get_run_logger

from models.pages import RegistryPages
from models.tracking import Tracking
from monitoring.alerts.alert import Alert, Link
from monitoring.alerts.ledger import Ledger
from monitoring.alerts.mail import MailNotifier, MailServer
from monitoring.alerts.markdown import markdown
from monitoring.alerts.slack import SlackNotifier
from monitoring.alerts.telling import Delivery, Notifier, Patience, tell
from smart_routing.errors import SettingsError, SmartRoutingError
from smart_routing.settings import AlertSettings, MonitoringSettings, RegistrySettings

LEDGER: Final = "alerts.json"


@task(name="tell-people", cache_policy=NO_CACHE)
def tell_people(alert: Alert) -> tuple[Delivery, ...]:
    """Tell an alert wherever the settings say, once, and keep it as an artifact; whatever fails is logged."""
    logger = get_run_logger()
    try:
        with _notifiers(AlertSettings.load()) as notifiers:
            deliveries = tell(alert, notifiers, ledger=_ledger(), patience=_patience(), now=datetime.now(UTC))
    except SmartRoutingError as error:
        logger.error("nobody is told: %s", error)
        deliveries = ()
    for delivery in deliveries:
        logger.log(logging.WARNING if delivery.problem else logging.INFO, "alert in %s", delivery)
    keep_page("alert", markdown(alert, deliveries), title=f"Alert: {alert.kind}")
    return deliveries


def keep_page(key: str, page: str, *, title: str) -> None:
    """Keep a page of Markdown with the flow run; without a Prefect that takes it, it is only logged."""
    try:
        create_markdown_artifact(page, key=key, description=title)
    except Exception as error:  # whatever a client of Prefect raises: a page is not worth a flow
        get_run_logger().warning("no page %s: %s", key, type(error).__name__)


def links(*, version: int, run_id: str | None, page: str | None = None) -> tuple[Link, ...]:
    """To the report in MLflow (the artifact `page` of the run), its run and the version; none without such pages."""
    try:
        settings, registry = AlertSettings.load(), RegistrySettings.load()
        url = settings.mlflow_url or registry.uri
        if not url.startswith(("http://", "https://")):
            return ()
        pages = RegistryPages(url, Tracking.connect(registry).experiment_id())
    except SmartRoutingError as error:
        get_run_logger().warning("no links: %s", error)
        return ()
    report = (Link("Report", pages.artifact(run_id, page)),) if run_id and page else ()
    run = (Link("MLflow run", pages.run(run_id)),) if run_id else ()
    return (*report, *run, Link(f"Version {version}", pages.version(version)))


@contextmanager
def _notifiers(settings: AlertSettings) -> Iterator[tuple[Notifier, ...]]:
    """The channels that are configured, the mail server first; raises `SettingsError` for a secret not to be read."""
    logging.getLogger("httpx").setLevel(logging.WARNING)  # it tells the address of a request, here a secret
    with httpx.Client(timeout=settings.timeout_seconds) as client:
        yield (*_mail(settings), *_slack(settings, client))


def _slack(settings: AlertSettings, client: httpx.Client) -> Iterator[Notifier]:
    if settings.slack_webhook_file is None:
        return
    address = _secret(settings.slack_webhook_file, "slack_webhook_file")
    if not address.startswith(("https://", "http://")):
        name = AlertSettings.variable("slack_webhook_file")
        raise SettingsError(f"{name} is {settings.slack_webhook_file}: expected an address that begins with https://")
    yield SlackNotifier(client, address)


def _mail(settings: AlertSettings) -> Iterator[Notifier]:
    if settings.smtp_host is None or not settings.mail_to:
        return
    password = settings.smtp_password_file
    server = MailServer(
        host=settings.smtp_host,
        port=settings.smtp_port,
        security=settings.smtp_security,
        user=settings.smtp_user,
        password=_secret(password, "smtp_password_file") if password else None,
        timeout_seconds=settings.timeout_seconds,
    )
    yield MailNotifier(
        server=server, sender=settings.mail_from, recipients=settings.mail_to, clock=lambda: datetime.now(UTC)
    )


def _secret(file: Path, field: str) -> str:
    try:
        return file.read_text().strip()
    except OSError as error:
        name = AlertSettings.variable(field)
        raise SettingsError(f"{name} is {file}: {error.strerror}, expected a file that can be read") from error


def _ledger() -> Ledger:
    settings = AlertSettings.load()
    file = MonitoringSettings.load().reports / LEDGER
    return Ledger(file, repeat=settings.repeat, most_an_hour=settings.most_an_hour)


def _patience() -> Patience:
    settings = AlertSettings.load()
    return Patience(attempts=settings.attempts, backoff_seconds=settings.backoff_seconds, sleep=time.sleep)
