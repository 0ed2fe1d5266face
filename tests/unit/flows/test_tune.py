"""What the command refuses before it begins, and how a search is ended early."""

import os
import signal
from pathlib import Path

import pytest

from flows.stopping import Stop
from tests.shell import Shell, own_environment


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(own_environment(tmp_path / "own"))


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--trials", "0"], "argument --trials: '0' is not a whole number above 0"),
        (["--minutes", "-1"], "argument --minutes: '-1' is not a number above 0"),
        (["--trials", "3", "--minutes", "1"], "argument --minutes: not allowed with argument --trials"),
        (["--out", "nowhere/params.toml"], "--out nowhere/params.toml cannot be written: expected a file in a folder"),
        (["--out", "models"], "--out models cannot be written: expected a file in a folder"),
        (["--out", "models/gate.toml"], "models/gate.toml: vocabulary"),
    ],
    ids=["no trials", "negative minutes", "both", "no folder", "a folder", "another file"],
)
def test_what_cannot_be_used_is_one_line(shell: Shell, options: list[str], told: str) -> None:
    done = shell.python("-m", "flows.tune", *options)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)
    assert told in done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_first_signal_is_noted_and_the_next_is_as_it_was(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    stop = Stop(clock=lambda: 0.0)
    with stop.listening():
        quiet, handler = stop.reason, signal.getsignal(number)
        os.kill(os.getpid(), number)
        assert (quiet, stop.reason) == (None, number.name)
        assert handler != before
        assert signal.getsignal(number) == before
    assert signal.getsignal(number) == before


def test_time_is_up_after_so_many_seconds() -> None:
    now = [100.0]
    stop = Stop(clock=lambda: now[0], seconds=60.0)
    reasons = []
    for moment in (159.9, 160.0):
        now[0] = moment
        reasons.append(stop.reason)
    assert reasons == [None, "time"]
