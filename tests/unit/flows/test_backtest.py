"""The command as a user runs it, in a process of its own and without any server."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from tests.shell import Shell, own_environment
from tests.unit.flows.logs import line
from tests.unit.models.examples import START


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(own_environment(tmp_path / "own", PREFECT_API_URL="http://127.0.0.1:9/api"))


def test_log_comes_out_as_one_document(shell: Shell, tmp_path: Path) -> None:
    log, out = tmp_path / "events.jsonl", tmp_path / "some" / "where"
    log.write_bytes(b"\n".join(line(number) for number in range(300)))
    cuts = [(START + timedelta(minutes=20 * number)).isoformat() for number in (150, 240)]
    found = shell.flow(
        "backtest", "--events", str(log), "--cpu-seconds", "1", "--memory-bytes", "35791394", "--out", str(out),
        "--train-until", cuts[0], "--calibrate-until", cuts[1],
    )  # fmt: skip
    assert found == json.loads((out / "backtest.json").read_text())
    assert "<h1>Backtest on one split</h1>" in (out / "backtest.html").read_text()
    assert [block["reads"] for block in found["split"].values()] == [150, 90, 60]
    assert found["contenders"]["full"]["own"]["certificate"]["heavies"] == 30
    assert found["contenders"]["all_heavy"]["own"]["cost"] == pytest.approx(40 * 0.1)


def test_days_of_a_log_are_decided_one_after_another(shell: Shell, tmp_path: Path) -> None:
    log = tmp_path / "events.jsonl"
    log.write_bytes(b"\n".join(line(number) for number in range(400)))
    found = shell.flow("backtest", "--events", str(log), "--cpu-seconds", "1", "--rolling", "daily")
    assert [step["begin"][:10] for step in found["steps"]] == ["2026-10-10"]
    assert [step["begin"][:10] for step in found["skipped"]] == [f"2026-10-0{day}" for day in range(5, 10)]
    assert found["steps"][0]["split"]["holdout"]["reads"] == found["contenders"]["full"]["own"]["rows"]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--out", "README.md/x"], "--out README.md/x cannot be made: Not a directory; expected a folder"),
        (["--train-until", "2026-10-10"], "one of --train-until and --calibrate-until is given: expected both or none"),
        (["--events", "nowhere.jsonl"], "nowhere.jsonl"),
        (["--rolling", "daily", "--train-until", "2026-10-10"], "expected no --train-until and no --calibrate-until"),
        (["--rolling", "hourly"], "invalid choice: 'hourly'"),
        (
            ["--rolling", "weekly"],
            "no weekly step of this log can be decided; the last, 2026-10-05 to 2026-10-06: train",
        ),
    ],
    ids=["folder", "half a split", "log", "two ways to cut", "unknown step", "short log"],
)
def test_what_cannot_be_used_is_one_line(shell: Shell, tmp_path: Path, options: list[str], told: str) -> None:
    log = tmp_path / "events.jsonl"
    log.write_bytes(b"\n".join(line(number) for number in range(30)))
    done = shell.python("-m", "flows.backtest", "--events", str(log), *options)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)
    assert told in done.stderr
