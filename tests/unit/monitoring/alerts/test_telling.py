"""Whatever a channel does, telling ends; what surely did not arrive is tried again, what may have arrived is not."""

from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

import pytest

from monitoring.alerts.alert import Alert
from monitoring.alerts.ledger import Ledger
from monitoring.alerts.telling import Delivery, Outcome, Patience, tell
from smart_routing.errors import NotificationError, NotificationRefusedError, NotificationUnknownError
from tests.unit.monitoring.alerts.examples import NOW, alert


class Channel:
    """Fails as told, then takes everything."""

    def __init__(self, name: str, failures: Iterable[Exception] = ()) -> None:
        self.name = name
        self.failures = list(failures)
        self.tries: list[Alert] = []

    def send(self, alert: Alert) -> None:
        self.tries.append(alert)
        if self.failures:
            raise self.failures.pop(0)


class Bench:
    """Everything that telling needs, and the naps it took."""

    def __init__(self, folder: Path) -> None:
        self.naps: list[float] = []
        self.ledger = Ledger(folder / "alerts.json", repeat=timedelta(days=3), most_an_hour=6)

    def tell(self, *channels: Channel) -> tuple[Delivery, ...]:
        patience = Patience(attempts=3, backoff_seconds=2.0, sleep=self.naps.append)
        return tell(alert(), channels, ledger=self.ledger, patience=patience, now=NOW)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_a_failure_is_tried_again_after_longer_and_longer(bench: Bench) -> None:
    channel = Channel("slack", [NotificationError("answers 500")] * 2)
    assert bench.tell(channel) == (Delivery("slack", Outcome.TOLD),)
    assert bench.naps == [2.0, 4.0]


def test_a_channel_that_is_down_does_not_keep_the_other_from_telling(bench: Bench) -> None:
    down, up = Channel("mail", [NotificationError("down")] * 9), Channel("slack")
    assert bench.tell(down, up) == (
        Delivery("mail", Outcome.FAILED, "down; tried 3 times"),
        Delivery("slack", Outcome.TOLD),
    )


def test_the_next_run_tells_only_where_it_did_not_arrive(bench: Bench) -> None:
    down, up = Channel("mail", [NotificationError("down")] * 3), Channel("slack")
    bench.tell(down, up)
    assert [delivery.outcome for delivery in bench.tell(down, up)] == [Outcome.TOLD, Outcome.TOLD_BEFORE]


def test_what_may_have_arrived_is_never_sent_again(bench: Bench) -> None:
    channel = Channel("slack", [NotificationUnknownError("no answer")])
    outcomes = [bench.tell(channel)[0].outcome for _ in range(2)]
    assert outcomes == [Outcome.UNKNOWN, Outcome.TOLD_BEFORE]
    assert (channel.tries, bench.naps) == ([alert()], [])


def test_a_refusal_for_good_is_not_tried_again(bench: Bench) -> None:
    channel = Channel("slack", [NotificationRefusedError("no such webhook")])
    assert bench.tell(channel) == (Delivery("slack", Outcome.FAILED, "no such webhook"),)
    assert len(channel.tries) == 1


def test_who_died_while_telling_has_told(bench: Bench) -> None:
    channel = Channel("slack", [KeyboardInterrupt()])  # type: ignore[list-item]  # as a kill does, it is no Exception
    with pytest.raises(KeyboardInterrupt):
        bench.tell(channel)
    assert bench.tell(channel) == (Delivery("slack", Outcome.TOLD_BEFORE),)


def test_a_mistake_of_ours_is_no_error_of_the_flow(bench: Bench) -> None:
    assert bench.tell(Channel("slack", [ZeroDivisionError()]), Channel("mail")) == (
        Delivery("slack", Outcome.FAILED, "ZeroDivisionError"),
        Delivery("mail", Outcome.TOLD),
    )


def test_without_a_ledger_people_are_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    bench = Bench(tmp_path / "file")
    assert bench.tell(Channel("slack")) == (Delivery("slack", Outcome.TOLD),)
