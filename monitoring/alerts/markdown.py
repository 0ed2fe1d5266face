"""An alert as a page of Markdown, for the flow run that raised it."""

import re
from collections.abc import Iterable

from monitoring.alerts.alert import Alert
from monitoring.alerts.telling import Delivery
from monitoring.alerts.words import figures, how_sure, plain, subject, title


def markdown(alert: Alert, deliveries: Iterable[Delivery]) -> str:
    """The whole alert, and what became of it in each channel."""
    told = [str(delivery) for delivery in deliveries] or ["no channel is configured"]
    parts = [
        f"## {literal(title(alert))}",
        literal(alert.reason),
        f"**{literal(alert.done)}**" if alert.done else "",
        "\n".join(
            f"- {literal(subject(moved))}: {literal(moved.sentence)} {literal(figures(moved))}" for moved in alert.moved
        ),
        how_sure(alert),
        " · ".join(f"[{literal(link.title)}]({link.url})" for link in alert.links),
        f"Window {alert.window}. Told: {literal('; '.join(told))}.",
    ]
    return "\n\n".join(part for part in parts if part)


def literal(text: str) -> str:
    """The text as Markdown that shows it and does nothing else."""
    return re.sub(r"([\\`*_{}\[\]()<>#+!|~&])", r"\\\1", plain(text))
