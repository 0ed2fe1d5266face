"""Send a test alert: whether the settings lead to the chat and the mailbox they are meant for."""

from argparse import Namespace
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from prefect import flow

from flows.alerting import tell_people
from flows.command import CommandParser, run
from monitoring.alerts.alert import Alert, AlertKind, Moved
from monitoring.alerts.telling import Delivery, Outcome
from monitoring.window import Window
from smart_routing.errors import NotificationError


@dataclass(frozen=True, slots=True)
class Trial:
    """What became of it in each channel."""

    deliveries: tuple[Delivery, ...]

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def arrived(self) -> bool:
        return bool(self.deliveries) and all(one.outcome is Outcome.TOLD for one in self.deliveries)

    def __str__(self) -> str:
        told = "; ".join(map(str, self.deliveries))
        return told or "no channel is configured, or none whose settings can be read: see SMART_ROUTING_ALERTS_*"


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
    run(CommandParser(module="flows.send_test_alert", description=str(__doc__)), _command)


def _command(_: Namespace) -> Trial:
    trial = send_test_alert_flow()
    if not trial.arrived:
        raise NotificationError(str(trial))
    return trial


if __name__ == "__main__":
    main()
