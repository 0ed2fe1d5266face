"""What is told again and what is not."""

import threading
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from monitoring.alerts.alert import Alert, AlertKind
from monitoring.alerts.ledger import Answer, Ledger
from tests.unit.monitoring.alerts.examples import NOW, alert

DAY = timedelta(days=1)


def ledger(folder: Path, most_an_hour: int = 6) -> Ledger:
    return Ledger(folder / "reports" / "alerts.json", repeat=3 * DAY, most_an_hour=most_an_hour)


@pytest.mark.parametrize(
    ("changed", "answer"),
    [
        pytest.param({}, Answer.TOLD_BEFORE, id="same"),
        pytest.param({"reason": "other words"}, Answer.TOLD_BEFORE, id="other words"),
        pytest.param({"signals": ("heavy_share",)}, Answer.TOLD_BEFORE, id="less of it"),
        pytest.param({"kind": AlertKind.ALERT}, Answer.TOLD_BEFORE, id="milder"),
        pytest.param({"kind": AlertKind.ROLLBACK}, Answer.TELL, id="worse"),
        pytest.param({"tenants": ("lake.ads", "lake.research")}, Answer.TELL, id="another tenant"),
        pytest.param({"signals": ("heavy_misses",)}, Answer.TELL, id="another signal"),
        pytest.param({"model_version": "v4-000000"}, Answer.TELL, id="another version"),
    ],
)
def test_a_worsening_is_told_a_repetition_is_not(tmp_path: Path, changed: dict[str, object], answer: Answer) -> None:
    kept = ledger(tmp_path)
    assert kept.enter(alert(), "slack", now=NOW) == Answer.TELL
    assert kept.enter(alert(**changed), "slack", now=NOW + DAY) == answer


@pytest.mark.parametrize(
    ("pending", "answers"),
    [
        pytest.param([True, True, False, False], ["tell", "told before", "tell", "told before"], id="then done"),
        pytest.param([False, True], ["tell", "told before"], id="done"),
    ],
)
def test_what_waits_to_be_done_is_told_once_and_once_more_when_it_is(
    tmp_path: Path, pending: list[bool], answers: list[str]
) -> None:
    kept = ledger(tmp_path)
    assert [kept.enter(alert(pending=waits), "slack", now=NOW) for waits in pending] == answers


def test_it_is_told_again_after_a_while(tmp_path: Path) -> None:
    kept = ledger(tmp_path)
    kept.enter(alert(), "slack", now=NOW)
    assert kept.enter(alert(), "mail", now=NOW) == Answer.TELL
    assert kept.enter(alert(), "slack", now=NOW + 2.9 * DAY) == Answer.TOLD_BEFORE
    assert kept.enter(alert(), "slack", now=NOW + 3.1 * DAY) == Answer.TELL


def test_a_clock_that_goes_back_an_hour_tells_nothing_twice(tmp_path: Path) -> None:
    kept = ledger(tmp_path)
    kept.enter(alert(), "slack", now=NOW)
    assert kept.enter(alert(), "slack", now=NOW - timedelta(hours=1)) == Answer.TOLD_BEFORE


def test_too_many_in_an_hour_are_held_back_but_a_rollback(tmp_path: Path) -> None:
    kept = ledger(tmp_path, most_an_hour=2)
    minute = timedelta(minutes=1)
    answers = [kept.enter(named(number), "slack", now=NOW + number * minute) for number in range(3)]
    assert answers == [Answer.TELL, Answer.TELL, Answer.HELD_BACK]
    rollback = replace(named(9), kind=AlertKind.ROLLBACK)
    assert kept.enter(rollback, "slack", now=NOW + 3 * minute) == Answer.TELL
    assert kept.enter(named(2), "slack", now=NOW + 70 * minute) == Answer.TELL


def named(number: int) -> Alert:
    return alert(tenants=(f"t{number}",))


def test_what_surely_did_not_arrive_may_be_told_again(tmp_path: Path) -> None:
    kept = ledger(tmp_path)
    kept.enter(alert(), "slack", now=NOW)
    kept.enter(alert(), "mail", now=NOW)
    kept.withdraw(alert(), "slack", entered=NOW)
    assert kept.enter(alert(), "slack", now=NOW) == Answer.TELL
    assert kept.enter(alert(), "mail", now=NOW) == Answer.TOLD_BEFORE


def test_of_many_at_once_one_tells(tmp_path: Path) -> None:
    answers: list[Answer] = []
    start = threading.Barrier(8)

    def enter() -> None:
        start.wait()
        answers.append(ledger(tmp_path).enter(alert(), "slack", now=NOW))

    threads = [threading.Thread(target=enter) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [Answer.TELL, *[Answer.TOLD_BEFORE] * 7]


def test_an_unreadable_file_is_begun_anew(tmp_path: Path) -> None:
    kept = ledger(tmp_path)
    kept.enter(alert(), "slack", now=NOW)
    (tmp_path / "reports" / "alerts.json").write_text("{")
    assert kept.enter(alert(), "slack", now=NOW) == Answer.TELL
    assert kept.enter(alert(), "slack", now=NOW) == Answer.TOLD_BEFORE
