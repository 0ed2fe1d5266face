"""Command lines of the workload and of the benchmark on it: what cannot be run is one line before anything starts."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from benchmarks.isolation import __main__ as isolation
from benchmarks.workload import querylog
from benchmarks.workload.schedule import make_schedule
from smart_routing.errors import InputError

Main = Callable[[Sequence[str]], None]

WRONG_NUMBERS = ("0", "-1", "nan", "inf", "ten", "")


@pytest.mark.parametrize("value", WRONG_NUMBERS, ids=repr)
@pytest.mark.parametrize(
    ("main", "option"),
    [
        (querylog.main, "--minutes"),
        (querylog.main, "--per-second"),
        (isolation.main, "--minutes"),
        (isolation.main, "--per-second"),
        (isolation.main, "--train-minutes"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.__module__,
)
def test_length_and_rate_are_numbers_above_0(
    main: Main, option: str, value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exit_info:
        main([f"{option}={value}"])
    told = capsys.readouterr()
    assert (exit_info.value.code, told.out) == (2, "")
    assert told.err.endswith(f": argument {option}: {value!r} is not a number above 0; see --help\n")
    assert told.err.count("\n") == 1


@pytest.mark.parametrize(
    ("main", "arguments", "expected"),
    [
        (querylog.main, ["--seed", "x"], "argument --seed: invalid int value: 'x'"),
        (querylog.main, ["--seed", "1.5"], "argument --seed: invalid int value: '1.5'"),
        (querylog.main, ["--hours", "1"], "unrecognized arguments: --hours 1"),
        (isolation.main, ["--seed", "x"], "argument --seed: invalid int value: 'x'"),
        (isolation.main, ["--pairs", "0"], "argument --pairs: '0' is not a whole number above 0"),
        (isolation.main, ["--pairs", "2.5"], "argument --pairs: '2.5' is not a whole number above 0"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_wrong_argument_is_one_line_and_exit_code_2(
    main: Main, arguments: list[str], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exit_info:
        main(arguments)
    told = capsys.readouterr()
    assert (exit_info.value.code, told.out) == (2, "")
    assert f": {expected}; see --help\n" in told.err
    assert told.err.count("\n") == 1


@pytest.mark.parametrize(
    ("name", "reason"), [("there", "File exists"), ("file/log", "Not a directory")], ids=["exists", "below a file"]
)
def test_log_that_could_not_be_kept_is_not_made(tmp_path: Path, name: str, reason: str) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "file").touch()
    schedule = make_schedule(1, seconds=1, per_second=1)
    with pytest.raises(InputError, match=rf"--out is .*/{name}: expected a folder to be made \({reason}\)"):
        querylog.make_log(schedule, tmp_path / name)
    assert (tmp_path / "there").is_dir()


def test_run_that_is_given_up_leaves_no_folder(tmp_path: Path) -> None:
    folder = tmp_path / "logs" / "new"

    def interrupted() -> None:
        with querylog.new_folder(folder):
            assert folder.is_dir()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert not folder.exists()


def test_folder_that_was_filled_stays(tmp_path: Path) -> None:
    with querylog.new_folder(tmp_path / "new"):
        (tmp_path / "new" / "events.jsonl.gz").touch()
    assert (tmp_path / "new" / "events.jsonl.gz").exists()
