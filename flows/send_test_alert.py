"""Send a test alert: whether the settings lead to the chat and the mailbox they are meant for."""

from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from prefect import flow

from flows.alerting import tell_people
from flows.command import CommandParser, run
from monitoring.alerts.alert import Alert, AlertKind, Moved
from monitoring.alerts.telling import Delivery
from monitoring.window import Window


@dataclass(frozen=True, slots=True)
class Trial:
    """What became of it in each channel."""

    deliveries: tuple[Delivery, ...]

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    def __str__(self) -> str:
        return "\n".join(map(str, self.deliveries)) or "no channel is configured: see SMART_ROUTING_ALERTS_*"


@flow(name="send-test-alert")
def send_test_alert_flow() -> Trial:
    """Tell everybody that nothing happened; each time anew."""
    return Trial(tell_people(example(datetime.now(UTC))))


def example(now: datetime) -> Alert:
    moved = Moved(name="example", sentence="twice of what was usual, were it real", reference=1.0, current=2.0)
    return Alert(
        kind=AlertKind.ALERT,
        model_version=f"test of {now:%Y-%m-%d %H:%M:%S.%f} UTC",
        window=Window.before(now, timedelta(hours=24)),
        reason="Somebody tries whether alerts arrive here. Nothing happened.",
        moved=(moved,),
    )


def main() -> None:
    run(CommandParser(module="flows.send_test_alert", description=str(__doc__)), lambda _: send_test_alert_flow())


if __name__ == "__main__":
    main()
