"""Orders to a stack: one at a time, ended by signals, and a stack that runs is not taken for one that is ready."""

import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from infra.local.stack.__main__ import StackError, already_up
from infra.local.stack.lock import BusyError, alone, interrupt_on
from infra.local.stack.parts import select
from infra.local.stack.state import Stack, StackPart
from infra.local.stack.supervisor import PartState


@pytest.fixture
def first() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def hangup() -> Iterator[signal.Signals]:
    before = signal.getsignal(signal.SIGHUP)
    yield signal.SIGHUP
    signal.signal(signal.SIGHUP, before)


def test_order_is_refused_while_another_is_under_way(first: ExitStack, tmp_path: Path) -> None:
    folder = tmp_path / "new" / "stack"
    first.enter_context(alone(folder))
    with pytest.raises(BusyError, match=r"another process brings the stack in .*/new/stack up or down"), alone(folder):
        pass
    first.close()
    with alone(folder):
        assert list(folder.iterdir()) == []


def test_order_that_waits_tells_so_and_comes_next(first: ExitStack, tmp_path: Path) -> None:
    told: list[str] = []

    def waiting() -> None:
        told.append("waits")
        first.close()

    first.enter_context(alone(tmp_path))
    for _ in range(2):
        with alone(tmp_path, waiting=waiting):
            told.append("alone")
    assert told == ["waits", "alone", "alone"]


def test_signal_interrupts(hangup: signal.Signals) -> None:
    signal.signal(hangup, signal.SIG_DFL)
    interrupt_on(hangup)
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(hangup)


def test_signal_that_was_set_aside_stays_so(hangup: signal.Signals) -> None:
    signal.signal(hangup, signal.SIG_IGN)
    interrupt_on(hangup)
    assert signal.getsignal(hangup) == signal.SIG_IGN


def stack(folder: Path, *names: str) -> Stack:
    parts = tuple(StackPart(name=name, log=folder / name / "server.log") for name in names)
    return Stack(
        folder=folder, parts=parts, token_file=folder / "token", policy_file=folder / "policy.json", environment={}
    )


def state(name: str, status: str, *, healthy: bool = False) -> PartState:
    return PartState(name=name, status=status, healthy=healthy, exit_code=0, restarts=0, pid=1)


def test_stack_that_runs_and_is_ready_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    states = {"redis": state("redis", "Running", healthy=True), "bucket": state("bucket", "Completed")}
    assert already_up(stack(tmp_path, "redis", "bucket"), states, parts=select(["redis"])) == 0
    assert capsys.readouterr().out.startswith("stack: runs already, nothing was started\n")


def test_stack_that_runs_and_is_not_ready_is_no_success(tmp_path: Path) -> None:
    states = {"redis": state("redis", "Running"), "bucket": state("bucket", "Pending"), "s3": state("s3", "Completed")}
    with pytest.raises(StackError, match=r"^not all of it is ready: redis \(running\), bucket \(pending\); ask again"):
        already_up(stack(tmp_path, "redis", "bucket", "s3"), states, parts=select(["redis"]))
