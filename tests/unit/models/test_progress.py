import io
import logging

import pytest

from models.progress import Progress, counted


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Clock:
    """Moves on by `step` seconds each time it is looked at."""

    def __init__(self, step: float) -> None:
        self._now, self._step = 0.0, step

    def __call__(self) -> float:
        self._now += self._step
        return self._now


def tell(stream: io.StringIO, *, step: float) -> str:
    progress = Progress("read", 3000, stream=stream, clock=Clock(step))
    for done in (1000, 2000, 3000):
        progress.reached(done)
    progress.end()
    return stream.getvalue()


def test_terminal_has_one_line_that_counts_and_is_cleared() -> None:
    assert tell(Terminal(), step=0.6) == "\rread: 1,000 of 3,000\rread: 2,000 of 3,000\rread: 3,000 of 3,000\r\x1b[K"


def test_log_has_a_line_now_and_then(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="models.progress")
    assert tell(io.StringIO(), step=8.0) == ""
    assert caplog.messages == ["read: 2,000 of 3,000"]


@pytest.mark.parametrize("stream", [Terminal(), io.StringIO()], ids=["terminal", "log"])
def test_what_is_done_at_once_says_nothing(stream: io.StringIO, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="models.progress")
    assert tell(stream, step=0.01) == ""
    assert caplog.messages == []


def test_counted_items_are_the_items() -> None:
    assert list(counted("abc", "letters", total=3)) == ["a", "b", "c"]
