"""A step of a background thread: one that fails is told without what its error quotes, and comes again."""

import json
from threading import Event

import pytest

from serving.process.background import Background
from smart_routing.logs import JsonFormatter


class FailingOnce:
    """A step that fails at the first call and has `come_again` from the second on."""

    def __init__(self) -> None:
        self.calls = 0
        self.come_again = Event()

    def __call__(self) -> float:
        self.calls += 1
        if self.calls == 1:
            raise ValueError("near 'zanzibar4711'")
        self.come_again.set()
        return 3600.0


def test_end_does_not_wait_for_ever_for_a_step_under_way() -> None:
    began, goes_on = Event(), Event()

    def step() -> float:
        began.set()
        goes_on.wait(10.0)
        return 3600.0

    background = Background("model-reloader", step, stop_seconds=0.01)
    background.start()
    assert began.wait(10.0)
    background.stop()
    assert not goes_on.is_set()
    goes_on.set()
    background.stop()


def test_step_that_fails_is_told_by_type_and_place_and_comes_again(caplog: pytest.LogCaptureFixture) -> None:
    step = FailingOnce()
    background = Background("event-sync", step, after_failure=0.0)
    background.start()
    assert step.come_again.wait(10.0)
    background.stop()
    (line,) = (JsonFormatter().format(record) for record in caplog.records)
    told = json.loads(line)
    assert (told["event"], told["level"], told["step"]) == ("background_step_failed", "error", "event-sync")
    assert told["reason"] == "ValueError"
    assert told["where"].startswith("__call__:")
    assert "zanzibar" not in line
