"""Alerts by mail: text and HTML, the picture within it."""

import logging
import smtplib
import ssl
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from email import policy
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from html import escape
from http import HTTPStatus
from typing import Final, Literal

from monitoring.alerts.alert import Alert, Moved
from monitoring.alerts.picture import picture
from monitoring.alerts.words import figures, how_sure, plain, subject, title
from smart_routing.errors import NotificationError, NotificationRefusedError, NotificationUnknownError
from smart_routing.logs import log_event
from smart_routing.page import html_page

_log = logging.getLogger(__name__)

Security = Literal["starttls", "tls", "none"]

PICTURE_ID: Final = "moved@smart-routing"
_STYLE: Final = "body { max-width: 44em } .done { font-weight: 600 } img { max-width: 100%; margin: .5em 0 }"
_MOST_IN_SUBJECT: Final = 160
_POLICY: Final = policy.SMTP.clone(max_line_length=400)  # a subject is not folded; SMTP takes 998
_REFUSED: Final = HTTPStatus.INTERNAL_SERVER_ERROR.value
"""Replies of SMTP from here on are for good, RFC 5321, 4.2.1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MailServer:
    """Where mails are handed over; `password` is in no message of an error."""

    host: str
    port: int
    security: Security = "starttls"
    user: str | None = None
    password: str | None = None
    timeout_seconds: float = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class MailNotifier:
    """Sends to all of `recipients` in one mail."""

    server: MailServer
    sender: str
    recipients: tuple[str, ...]
    clock: Callable[[], datetime]
    name: str = "mail"

    def send(self, alert: Alert) -> None:
        mail = compose(alert, sender=self.sender, recipients=self.recipients, now=self.clock())
        with _session(self.server) as session:
            refused = _handed_over(session, mail)
        if refused:
            log_event(_log, "mail_recipients_refused", level=logging.WARNING, recipients=len(refused))


def compose(alert: Alert, *, sender: str, recipients: tuple[str, ...], now: datetime) -> EmailMessage:
    """The mail: text, and HTML with the picture of what moved most."""
    mail = EmailMessage(policy=_POLICY)
    mail["Subject"] = f"[smart routing] {title(alert)}"[:_MOST_IN_SUBJECT]
    mail["From"], mail["To"] = sender, ", ".join(recipients)
    mail["Date"], mail["Message-ID"] = format_datetime(now), make_msgid(domain="smart-routing")
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(_text(alert))
    drawn = picture(alert.moved)
    mail.add_alternative(_html(alert, with_picture=drawn is not None), subtype="html")
    if drawn is not None:
        page = mail.get_payload(1)
        page.add_related(drawn, "image", "png", cid=f"<{PICTURE_ID}>", filename="moved.png", disposition="inline")  # type: ignore[union-attr]  # what add_alternative made
    return mail


def _text(alert: Alert) -> str:
    parts = [
        plain(alert.reason),
        plain(alert.done),
        *(f"- {subject(moved)}: {_told(moved)}" for moved in alert.moved),
        how_sure(alert),
        *(f"{link.title}: {link.url}" for link in alert.links),
        _footer(alert),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _html(alert: Alert, *, with_picture: bool) -> str:
    parts = [
        f"<p>{_safe(alert.reason)}</p>",
        f'<p class="done">{_safe(alert.done)}</p>' if alert.done else "",
        "".join(f"<p><code>{_safe(subject(moved))}</code> {_safe(_told(moved))}</p>" for moved in alert.moved),
        f'<img src="cid:{PICTURE_ID}" alt="What moved most, usual and now">' if with_picture else "",
        f"<p>{_safe(how_sure(alert))}</p>",
        "<p>" + " · ".join(f'<a href="{_safe(link.url)}">{_safe(link.title)}</a>' for link in alert.links) + "</p>",
        f'<p class="small">{_safe(_footer(alert))}</p>',
    ]
    return html_page(title(alert), "".join(parts), style=_STYLE)


def _told(moved: Moved) -> str:
    found = figures(moved)
    return f"{plain(moved.sentence)} ({found})" if found else plain(moved.sentence)


def _footer(alert: Alert) -> str:
    tenants = f"; tenants: {', '.join(alert.tenants)}" if alert.tenants else ""
    return plain(f"{alert.kind} of {alert.model_version}; window {alert.window}{tenants}")


def _safe(text: str) -> str:
    return escape(plain(text))


def _handed_over(session: smtplib.SMTP, mail: EmailMessage) -> Collection[str]:
    """Those of the recipients that the server does not take, while it takes others."""
    try:
        return session.send_message(mail)
    except smtplib.SMTPResponseException as error:
        raise _refusal(error.smtp_code, error.smtp_error) from error
    except smtplib.SMTPRecipientsRefused as error:
        code, told = next(iter(error.recipients.values()))
        raise _refusal(code, told) from error
    except (smtplib.SMTPServerDisconnected, OSError) as error:
        raise NotificationUnknownError(f"the mail server went silent: {type(error).__name__}") from error
    except smtplib.SMTPException as error:
        raise NotificationRefusedError(f"the mail server cannot take such a mail: {type(error).__name__}") from error


@contextmanager
def _session(server: MailServer) -> Iterator[smtplib.SMTP]:
    """A session that took the user; its end cannot fail, as the mail is handed over by then."""
    try:
        session = _opened(server)
    except smtplib.SMTPAuthenticationError as error:
        raise NotificationRefusedError(f"the mail server does not know the user: {error.smtp_code}") from error
    except (smtplib.SMTPException, OSError) as error:
        raise NotificationError(f"the mail server cannot be reached: {type(error).__name__}") from error
    try:
        yield session
    finally:
        with suppress(smtplib.SMTPException, OSError):
            session.quit()
        session.close()


def _opened(server: MailServer) -> smtplib.SMTP:
    context = ssl.create_default_context()
    if server.security == "tls":
        session: smtplib.SMTP = smtplib.SMTP_SSL(
            server.host, server.port, timeout=server.timeout_seconds, context=context
        )
    else:
        session = smtplib.SMTP(server.host, server.port, timeout=server.timeout_seconds)
    try:
        if server.security == "starttls":
            session.starttls(context=context)
        if server.user is not None:
            session.login(server.user, server.password or "")
    except BaseException:
        session.close()
        raise
    return session


def _refusal(code: int, told: bytes | str) -> NotificationError:
    said = plain(told.decode(errors="replace") if isinstance(told, bytes) else told)[:200]
    kind = NotificationRefusedError if code >= _REFUSED else NotificationError
    return kind(f"the mail server answers {code} {said}")
