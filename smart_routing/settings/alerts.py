"""Settings of how people are told, and of what a version at work must not do."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from smart_routing.settings.base import PREFIX, Settings


class AlertSettings(Settings):
    """The chat and the mailbox that alerts go to; without an address of either nobody is told there."""

    model_config = SettingsConfigDict(env_prefix=f"{PREFIX}ALERTS_")

    slack_webhook_file: Path | None = Field(
        None, description="File with the address of an incoming webhook of Slack; unset: no chat is told."
    )
    smtp_host: str | None = Field(None, description="Mail server; unset: no mail is sent.")
    smtp_port: int = Field(587, ge=1, le=65535, description="Port of the mail server.")
    smtp_security: Literal["starttls", "tls", "none"] = Field(
        "starttls", description="How the way to the mail server is protected; none only for one on this machine."
    )
    smtp_user: str | None = Field(None, description="User at the mail server; unset: no login.")
    smtp_password_file: Path | None = Field(None, description="File with that user's password.")
    mail_from: str = Field("smart-routing@localhost", description="Sender of mails.")
    mail_to: Annotated[tuple[str, ...], NoDecode] = Field((), description="Who gets mails, behind commas.")
    mlflow_url: str | None = Field(
        None, description="Address of MLflow's pages for people; unset: that of the registry, where it is http(s)."
    )
    repeat_hours: float = Field(
        72.0, gt=0, le=8760, description="Hours in which the same, or less of it, is not told again."
    )
    most_an_hour: int = Field(
        6, ge=1, description="Alerts a channel gets in an hour; rollbacks are told beyond that too."
    )
    attempts: int = Field(3, ge=1, le=10, description="Times that a message is tried.")
    backoff_seconds: float = Field(2.0, gt=0, le=60, description="Seconds before the second time; doubled each time.")
    timeout_seconds: float = Field(10.0, gt=0, le=60, description="Seconds that a channel may take to answer.")

    @field_validator("slack_webhook_file", "smtp_host", "smtp_user", "smtp_password_file", "mlflow_url", mode="before")
    @classmethod
    def _empty_is_none(cls, value: object) -> object:
        return None if value == "" else value

    @field_validator("mail_to", mode="before")
    @classmethod
    def _addresses(cls, value: object) -> object:
        return tuple(name.strip() for name in value.split(",") if name.strip()) if isinstance(value, str) else value

    @property
    def repeat(self) -> timedelta:
        return timedelta(hours=self.repeat_hours)


class WatchSettings(Settings):
    """The tripwire of a version that has just begun to serve."""

    model_config = SettingsConfigDict(env_prefix=f"{PREFIX}WATCH_")

    hours: float = Field(
        24.0, ge=0, le=336, description="Hours after it began to serve in which a version may be undone by itself."
    )
    miss_odds: float = Field(
        1000.0, gt=1, description="Odds against the bound on missed heavy statements that undo a version."
    )
    fewest_heavies: int = Field(8, ge=1, description="Fewest heavy units, template x schema x day, that are judged.")
    error_rise: float = Field(
        0.05, gt=0, le=1, description="Certain rise of the share of model errors and deadlines that undoes a version."
    )

    @property
    def span(self) -> timedelta:
        return timedelta(hours=self.hours)
