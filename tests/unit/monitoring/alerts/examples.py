"""Alerts for tests: a usual one, and one whose names were chosen to do harm."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from monitoring.alerts.alert import Alert, AlertKind, Link, alert_of
from monitoring.signals import Signal, Tier
from monitoring.window import Window

NOW = datetime(2026, 10, 11, 1, 0, tzinfo=UTC)
WINDOW = Window.before(NOW, timedelta(hours=24))
HOSTILE = (
    "<!channel> <https://evil.example|click> *x* `y` &amp; </p><img src=x>\r\nBcc: all@example.com $\\frac{$ \u202eabc"
)


def signal(name: str, **fields: Any) -> Signal:
    usual: dict[str, Any] = {
        "tier": Tier.PREDICTION,
        "window": WINDOW,
        "tenant": "lake.research",
        "reference": 0.21,
        "current": 0.48,
        "p_value": 1e-4,
        "is_large": True,
        "sentence": "48% of the statements are called heavy, 21% were usual",
    }
    return Signal(name=name, **usual | fields)


def alert(**fields: Any) -> Alert:
    """Research arrived: three signals, one tenant."""
    signals = (
        signal("heavy_share"),
        signal("new_templates", reference=0.04, current=0.61, p_value=1e-12, sentence="61% of the templates are new"),
        signal("join_count", tier=Tier.FEATURES, reference=1.8, current=5.2, p_value=0.002, sentence="joins doubled"),
    )
    told = alert_of(
        AlertKind.RETRAIN,
        reason="Tenant lake.research is new and asks for more than the model has seen.",
        signals=signals,
        tenants=("lake.research",),
        model_version="v3-ab12cd",
        window=WINDOW,
        links=(Link("MLflow run", "http://mlflow.example/#/experiments/1/runs/r1"),),
        done="A training was asked for.",
    )
    return replace(told, **fields)


def hostile() -> Alert:
    """Every text that a tenant can choose is an attack."""
    signals = (signal(HOSTILE, tenant=HOSTILE, sentence=HOSTILE),)
    return alert_of(
        AlertKind.ALERT,
        reason=HOSTILE * 60,
        signals=signals,
        tenants=[f"{HOSTILE} {number}" for number in range(40)],
        model_version="v3-ab12cd",
        window=WINDOW,
        links=(Link("Run > all", "http://mlflow.example/a|b c"),),
        done=HOSTILE,
    )
