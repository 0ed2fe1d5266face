"""Alerts in a chat, by an incoming webhook as Slack and its like take it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

import httpx

from monitoring.alerts.alert import Alert, Moved
from monitoring.alerts.words import figures, how_sure, plain, subject, title
from smart_routing.errors import NotificationError, NotificationRefusedError, NotificationUnknownError

MOST_IN_HEADER: Final = 150
MOST_IN_SECTION: Final = 3000
"""Characters that Slack takes; a longer text would cost the whole message."""

_LATER: Final = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.REQUEST_TIMEOUT})
_NOTHING_SENT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)
_CUT_ENTITY: Final = re.compile(r"&[a-z]*$")
_BAR: Final = 12


@dataclass(frozen=True, slots=True)
class SlackNotifier:
    """Posts to `url`, which is a secret and in no message of an error; the client's time-outs bound each try."""

    client: httpx.Client
    url: str
    name: str = "slack"

    def send(self, alert: Alert) -> None:
        try:
            reply = self.client.post(self.url, json=message(alert))
        except _NOTHING_SENT as error:
            raise NotificationError(f"the webhook cannot be reached: {type(error).__name__}") from error
        except httpx.HTTPError as error:
            raise NotificationUnknownError(f"the webhook did not answer: {type(error).__name__}") from error
        if reply.is_success:
            return
        told = f"the webhook answers {reply.status_code}: expected 200"
        if reply.is_server_error or reply.status_code in _LATER:
            raise NotificationError(told)
        raise NotificationRefusedError(told)


def message(alert: Alert) -> dict[str, Any]:
    """The body of the webhook: blocks, and the text of notifications.

    A webhook carries no file, and Slack drops a message whose picture its servers cannot fetch: bars are drawn in text.
    """
    head = {"type": "header", "text": {"type": "plain_text", "text": title(alert)[:MOST_IN_HEADER]}}
    foot = {"type": "context", "elements": [_text(_footer(alert))]}
    return {"text": _fitted(title(alert)), "blocks": [head, *map(_section, _sections(alert)), foot]}


def _sections(alert: Alert) -> Iterator[str]:
    yield _fitted(alert.reason)
    if alert.done:
        yield f"*{_fitted(alert.done, MOST_IN_SECTION - 2)}*"
    for moved in alert.moved:
        yield _moved(moved)
    if sure := how_sure(alert):
        yield _fitted(sure)
    if alert.links:
        yield " · ".join(f"<{_address(link.url)}|{_escaped(link.title)}>" for link in alert.links)


def _moved(moved: Moved) -> str:
    """The name, the sentence, and two bars on a scale of their own."""
    bars = _bars(moved)
    drawn = f"\n`{bars}` {figures(moved)}" if bars else ""
    head = f"`{_fitted(subject(moved), 200).replace('`', chr(39))}`"
    return f"{head} {_fitted(moved.sentence, 2500)}{drawn}"


def _bars(moved: Moved) -> str:
    if moved.reference is None or moved.current is None:
        return ""
    largest = max(abs(moved.reference), abs(moved.current)) or 1.0
    usual, now = (round(abs(value) / largest * _BAR) for value in (moved.reference, moved.current))
    return f"{'░' * usual:·<{_BAR}}|{'█' * now:·<{_BAR}}"


def _footer(alert: Alert) -> str:
    tenants = f" · tenants: {', '.join(map(plain, alert.tenants))}" if alert.tenants else ""
    return _fitted(f"{alert.kind} · {alert.model_version} · {alert.window}{tenants}", 1900)


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": _text(text)}


def _text(text: str) -> dict[str, Any]:
    """`verbatim`: Slack makes no links, channels or mentions of what a text looks like."""
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def _fitted(text: str, most: int = MOST_IN_SECTION) -> str:
    """Escaped and cut, never within an escape."""
    whole = _escaped(plain(text))
    return whole if len(whole) <= most else f"{_CUT_ENTITY.sub('', whole[: most - 1])}…"


def _escaped(text: str) -> str:
    """The three characters by which Slack knows links, mentions and its own escapes."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _address(url: str) -> str:
    return _escaped(url).replace("|", "%7C").replace(" ", "%20")
